#include "runtime/daemon/config.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "tests/unit/runtime/store/temporary_folder.h"

namespace hearth {
namespace {

using Arguments = std::vector<std::string>;

Config Parsed(const Arguments& arguments) {
  auto parsed = ParseCommandLine(arguments);
  if (!parsed.ok()) FAIL(parsed.error().message);
  return parsed->config;
}
std::string Refused(const Arguments& arguments) {
  const auto parsed = ParseCommandLine(arguments);
  return parsed.ok() ? "accepted" : parsed.error().message;
}
bool Says(const std::string& message, std::string_view words) {
  return message.find(words) != std::string::npos;
}

TEST_CASE("nothing said: both listeners on loopback, isolation as far as the user allows", "[config]") {
  const Config config = Parsed({});
  CHECK(config.data_listen.IsLoopback());
  CHECK(config.control_listen.IsLoopback());
  CHECK(config.isolation_least == (::geteuid() == 0 ? 4U : 2U));
  CHECK(config.memory_mib > 0);
  CHECK(config.account == "000000000000");
}

TEST_CASE("a file with comments is read; flags win, wherever the file stands", "[config]") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/hearth.json";
  REQUIRE(WriteFileAtomically(path, R"({
    // where everything is kept
    "data_dir": "/from/file", /* numbers as numbers or as texts */
    "concurrency_max": 7, "waiters_max": "8",
    "log_level": "warn"
  })")
              .ok());
  for (const Arguments& arguments :
       {Arguments{"--config", path, "--data-dir", "/from/flag", "--waiters-max=9"},
        Arguments{"--data-dir=/from/flag", "--waiters-max", "9", "--config=" + path}}) {
    const Config config = Parsed(arguments);
    CHECK(config.data_dir == "/from/flag");
    CHECK(config.concurrency_max == 7);
    CHECK(config.waiters_max == 9);
    CHECK(config.log_level == LogLevel::kWarn);
  }
}

TEST_CASE("name servers at their limit and one past it", "[config]") {
  CHECK(Parsed({"--egress-resolvers", "1.1.1.1,9.9.9.9,8.8.8.8"}).egress.resolvers.size() == 3);
  CHECK(Says(Refused({"--egress-resolvers", "1.1.1.1,9.9.9.9,8.8.8.8,4.4.4.4"}), "three resolvers"));
  CHECK(Says(Refused({"--egress-resolvers", "::1"}), "--egress-resolvers: \"::1\" is no IPv4 address"));
}

TEST_CASE("what functions with a network reach is read when the daemon starts", "[config]") {
  const Config config =
      Parsed({"--egress-pool=10.9.0.0/24", "--egress-open=192.168.1.0/24,10.1.2.3", "--nft=/opt/nft"});
  CHECK(ToString(config.egress.plan.pool) == "10.9.0.0/24");
  CHECK(config.egress.plan.opened.size() == 2);
  CHECK(config.egress.nft == "/opt/nft");
  CHECK(ToString(Parsed({}).egress.plan.pool) == "10.213.0.0/20");
  CHECK(Says(Refused({"--egress-pool", "10.0.0.0/8"}), "from 16 to 30"));
  CHECK(Says(Refused({"--egress-open", "192.168.1.1/24"}), "past its prefix"));
}

TEST_CASE("an unknown setting or flag is an error with the one that was meant", "[config]") {
  Config config;
  CHECK(Says(ApplyConfigText(R"({"data_dri": "/x"})", "hearth.json", config).error().message,
             R"(hearth.json: unknown setting "data_dri"; did you mean "data_dir"?)"));
  CHECK(Says(ApplyConfigText(R"({"data-dir": "/x"})", "f", config).error().message, R"("data_dir")"));
  CHECK(Says(Refused({"--data-dri", "/x"}), R"(unknown flag "--data-dri"; did you mean "--data-dir"?)"));
  CHECK(Says(Refused({"--data_dir=/x"}), R"(did you mean "--data-dir"?)"));
  CHECK(Says(Refused({"--confg", "x"}), R"("--config")"));
  CHECK(Refused({"--entirely-different", "x"}) == R"(unknown flag "--entirely-different")");
  CHECK(Says(Refused({"--data-dri"}), "did you mean \"--data-dir\""));  // a bug once: "needs a value"
  CHECK(Refused({"--data-dir"}) == "--data-dir needs a value");
}

struct NumberCase {
  std::string name;
  uint64_t least, most;
  std::function<uint64_t(const Config&)> get;
};

TEST_CASE("each number at its limits and one past", "[config]") {
  const NumberCase number = GENERATE(
      NumberCase{"min_isolation", 1, 5, [](const Config& c) -> uint64_t { return c.isolation_least; }},
      NumberCase{"memory_mib", 16, 16'777'216, [](const Config& c) { return c.memory_mib; }},
      NumberCase{"concurrency_max", 1, 1'000'000, [](const Config& c) { return c.concurrency_max; }},
      NumberCase{"waiters_max", 1, 1'000'000, [](const Config& c) { return c.waiters_max; }},
      NumberCase{"loops", 0, 64, [](const Config& c) -> uint64_t { return c.loops; }},
      NumberCase{"idle_time_out_s", 0, 86'400,
                 [](const Config& c) -> uint64_t { return c.idle_time_out.count(); }},
      NumberCase{"reserved_headroom_percent", 0, 100,
                 [](const Config& c) -> uint64_t { return c.reserved_headroom_percent; }},
      NumberCase{"idle_linger_ms", 0, 5, [](const Config& c) -> uint64_t { return c.idle_linger.count(); }},
      NumberCase{"zygote_forks_max", 1, 1'000'000, [](const Config& c) { return c.zygote_forks_max; }},
      NumberCase{"init_time_out_s", 1, 900,
                 [](const Config& c) -> uint64_t { return c.init_time_out.count(); }},
      NumberCase{"payload_bytes_max", 1024, 1'073'741'824,
                 [](const Config& c) { return c.payload_bytes_max; }},
      NumberCase{"response_bytes_max", 1024, 1'073'741'824,
                 [](const Config& c) { return c.response_bytes_max; }},
      NumberCase{"ledger_sync_ms", 0, 10'000,
                 [](const Config& c) -> uint64_t { return c.ledger_sync.count(); }},
      NumberCase{"log_keep_days", 1, 36'500, [](const Config& c) -> uint64_t { return c.log_keep.count(); }},
      NumberCase{"log_function_mib", 1, 1'048'576, [](const Config& c) { return c.log_function_mib; }},
      NumberCase{"log_invocation_kib", 1, 1'048'576, [](const Config& c) { return c.log_invocation_kib; }},
      NumberCase{"log_total_mib", 1, 1'048'576, [](const Config& c) { return c.log_total_mib; }},
      NumberCase{"ledger_keep_days", 35, 36'500,
                 [](const Config& c) -> uint64_t { return c.ledger_keep.count(); }},
      NumberCase{"ledger_segment_mib", 1, 1'024, [](const Config& c) { return c.ledger_segment_mib; }},
      NumberCase{"async_retry_delay_s", 0, 3'600,
                 [](const Config& c) -> uint64_t { return c.async_retry_delay.count(); }},
      NumberCase{"async_events_max", 1, 10'000'000, [](const Config& c) { return c.async_events_max; }},
      NumberCase{"invocations_kept", 1, 1'000'000, [](const Config& c) { return c.invocations_kept; }},
      NumberCase{"invocations_kept_hours", 1, 8'760,
                 [](const Config& c) -> uint64_t { return c.invocations_kept_hours.count(); }});
  CAPTURE(number.name);
  const auto set = [&](const std::string& value, Config& config) {
    return ApplyConfigText("{\"" + number.name + "\": " + value + "}", "f", config);
  };
  for (const uint64_t good : {number.least, number.most}) {
    Config config;
    REQUIRE(set(std::to_string(good), config).ok());
    CHECK(number.get(config) == good);
    REQUIRE(set("\"" + std::to_string(good) + "\"", config).ok());
  }
  const uint64_t before = number.get(Config());
  std::vector<std::string> wrong{std::to_string(number.most + 1),
                                 "-1",
                                 "1.5",
                                 "1e3",
                                 "true",
                                 "null",
                                 "[]",
                                 "\"\"",
                                 "\"7x\"",
                                 "\" 7\"",
                                 "\"0x10\"",
                                 "18446744073709551616",
                                 "\"18446744073709551616\""};
  if (number.least > 0) wrong.push_back(std::to_string(number.least - 1));
  for (const std::string& value : wrong) {
    CAPTURE(value);
    Config config;
    const Status refused = set(value, config);
    REQUIRE_FALSE(refused.ok());
    CHECK(Says(refused.error().message, "f: " + number.name));
    CHECK(number.get(config) == before);
  }
}

TEST_CASE("a switch is on or off", "[config]") {
  Config config;
  CHECK_FALSE(config.fsync_before_reply);
  REQUIRE(ApplyConfigText(R"({"fsync_before_reply": "on"})", "f", config).ok());
  CHECK(config.fsync_before_reply);
  REQUIRE(ApplyConfigText(R"({"fsync_before_reply": "off"})", "f", config).ok());
  CHECK_FALSE(config.fsync_before_reply);
  for (const char* value : {"\"yes\"", "\"\"", "1", "\"ON\""}) {
    const Status refused =
        ApplyConfigText(std::string("{\"fsync_before_reply\": ") + value + "}", "f", config);
    REQUIRE_FALSE(refused.ok());
    CHECK(Says(refused.error().message, "f: fsync_before_reply"));
  }
}

TEST_CASE("a file that is no JSON object is refused by its name", "[config]") {
  const std::string text =
      GENERATE("", "{", "[]", "7", "{\"data_dir\": \"/x\"} more", "{\"data_dir\" \"/x\"}");
  Config config;
  CHECK(Says(ApplyConfigText(text, "hearth.json", config).error().message, "hearth.json: "));
  CHECK(Says(Refused({"--config", "/nowhere/hearth.json"}), "/nowhere/hearth.json"));
}

TEST_CASE("a control listener off loopback needs a token file", "[config]") {
  const std::string address = GENERATE("0.0.0.0:4566", "192.0.2.1:4566", "[::]:4566");
  CHECK(Says(Refused({"--control-listen", address}), "--auth-token-file"));
  CHECK(Parsed({"--control-listen", address, "--auth-token-file", "/t"}).auth_token_file == "/t");
  CHECK_FALSE(Parsed({"--data-listen", address}).data_listen.IsLoopback());
}

TEST_CASE("a control listener on loopback needs none", "[config]") {
  const std::string address =
      GENERATE("4566", "127.0.0.1:0", "127.9.9.9:4566", "[::1]:4566", "localhost:4566");
  CHECK(Parsed({"--control-listen", address}).control_listen.IsLoopback());
}

TEST_CASE("an address that is none is refused with the forms there are", "[config]") {
  const std::string address =
      GENERATE("", "65536", "example.org:80", "127.0.0.1", "::1:80", "127.0.0.1:", "1.2.3.4:-1");
  CHECK(Says(Refused({"--data-listen=" + address}), "IPV4:PORT"));
}

TEST_CASE("an account has 12 digits", "[config]") {
  CHECK(Parsed({"--account", "123456789012"}).account == "123456789012");
  for (const char* wrong : {"", "12345678901", "1234567890123", "12345678901x", "12345678 012"}) {
    CHECK(Says(Refused({std::string("--account=") + wrong}), "12 digits"));
  }
}

TEST_CASE("a level of logs is one of four", "[config]") {
  CHECK(Parsed({"--log-level", "debug"}).log_level == LogLevel::kDebug);
  CHECK(Parsed({"--log-level", "error"}).log_level == LogLevel::kError);
  CHECK(Says(Refused({"--log-level", "loud"}), "debug, info, warn, error"));
}

TEST_CASE("help and version win over everything after them; help tells every setting", "[config]") {
  CHECK(ParseCommandLine({"--help", "--bogus"})->action == ConfigAction::kShowHelp);
  CHECK(ParseCommandLine({"-h"})->action == ConfigAction::kShowHelp);
  CHECK(ParseCommandLine({"--version"})->action == ConfigAction::kShowVersion);
  for (const char* flag : {"--data-dir", "--data-listen", "--control-listen", "--auth-token-file",
                           "--min-isolation", "--memory-mib", "--log-level", "--config"}) {
    CHECK(Says(ConfigHelp(), flag));
  }
}

}  // namespace
}  // namespace hearth
