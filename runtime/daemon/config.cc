#include "runtime/daemon/config.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>

#include <nlohmann/json.hpp>

#include "runtime/base/files.h"
#include "runtime/base/nearest.h"

namespace hearth {
namespace {

struct Setting {
  std::string_view name;  // as in the file; the flag has '-' for '_'
  std::string_view help;
  std::function<Status(Config&, const std::string&)> set;
};

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

std::function<Status(Config&, const std::string&)> Text(std::string Config::*field) {
  return [field](Config& c, const std::string& text) {
    c.*field = text;
    return Ok();
  };
}

std::function<Status(Config&, const std::string&)> Address(ListenAddress Config::*field) {
  return [field](Config& c, const std::string& text) -> Status {
    HEARTH_ASSIGN(c.*field, ParseListenAddress(text));
    return Ok();
  };
}

Result<uint64_t> Number(const std::string& text, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return Invalid("\"" + text + "\" is not a whole number from " + std::to_string(least) + " to " +
                   std::to_string(most));
  }
  return value;
}

template <class T>
std::function<Status(Config&, const std::string&)> Integer(T Config::*field, uint64_t least, uint64_t most) {
  return [field, least, most](Config& c, const std::string& text) -> Status {
    HEARTH_ASSIGN(const uint64_t value, Number(text, least, most));
    c.*field = T(value);
    return Ok();
  };
}

std::function<Status(Config&, const std::string&)> Switch(bool Config::*field) {
  return [field](Config& c, const std::string& text) -> Status {
    if (text != "on" && text != "off") return Invalid("\"" + text + "\" is neither on nor off");
    c.*field = text == "on";
    return Ok();
  };
}

Status SetAllowedHosts(Config& config, const std::string& text) {
  config.allowed_hosts.clear();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) config.allowed_hosts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return Ok();
}

Status SetLogLevel(Config& config, const std::string& text) {
  static constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  const auto found = std::find(std::begin(kNames), std::end(kNames), text);
  if (found == std::end(kNames)) return Invalid("\"" + text + "\" is not one of debug, info, warn, error");
  config.log_level = static_cast<LogLevel>(found - std::begin(kNames));
  return Ok();
}

Status SetEgressPool(Config& config, const std::string& text) {
  HEARTH_ASSIGN(config.egress.plan.pool, ParseEgressPool(text));
  return Ok();
}

Status SetEgressOpen(Config& config, const std::string& text) {
  HEARTH_ASSIGN(config.egress.plan.opened, ParseIpv4Ranges(text));
  return Ok();
}

Status SetEgressResolvers(Config& config, const std::string& text) {
  HEARTH_ASSIGN(config.egress.resolvers, ParseIpv4Addresses(text));
  if (config.egress.resolvers.size() <= kResolversMax) return Ok();
  return Invalid("there may be three resolvers; no more are asked");
}

const std::vector<Setting>& Settings() {
  static const std::vector<Setting> settings = {
      {"data_dir", "folder of everything durable (/var/lib/hearth as root, else ~/.local/share/hearth)",
       Text(&Config::data_dir)},
      {"data_listen", "address of the data plane: function URLs, routes (127.0.0.1:8080)",
       Address(&Config::data_listen)},
      {"control_listen", "address of the control plane: Lambda's API, queues, metrics (127.0.0.1:4566)",
       Address(&Config::control_listen)},
      {"auth_token_file", "file with the bearer token of the control plane; needed off loopback",
       Text(&Config::auth_token_file)},
      {"allow_host",
       "host names, separated by commas, that clients may use for the control plane besides loopback's",
       SetAllowedHosts},
      {"ready_file", "written once everything works: {\"pid\", \"data_port\", \"control_port\"}",
       Text(&Config::ready_file)},
      {"account", "12-digit account in ARNs (000000000000)", Text(&Config::account)},
      {"region", "region in ARNs (us-east-1)", Text(&Config::region)},
      {"min_isolation", "refuse to start below this isolation level (4 as root, else 2)",
       Integer(&Config::isolation_least, 1, 5)},
      {"memory_mib", "configured memory of all workers together (four fifths of the machine's)",
       Integer(&Config::memory_mib, 16, 16'777'216)},
      {"reserved_headroom_percent", "share of that memory which cannot be reserved by commitments (20)",
       Integer(&Config::reserved_headroom_percent, 0, 100)},
      {"concurrency_max", "events under way at once (1000)", Integer(&Config::concurrency_max, 1, 1'000'000)},
      {"waiters_max", "events of one function that may wait for a worker (1000)",
       Integer(&Config::waiters_max, 1, 1'000'000)},  // 0: not even the first, whose worker is yet to start
      {"loops",
       "loops that answer HTTP requests of functions, each on a thread of its own (1; 0: one a processor)",
       Integer(&Config::loops, 0, kLoopsMax)},
      {"idle_time_out_s", "an idle worker ends after this (600)", Integer(&Config::idle_time_out, 0, 86'400)},
      {"spare_when_hot", "keep one worker ahead of a function that needs new ones again and again (on)",
       Switch(&Config::spare_when_hot)},
      {"prefetch_max",
       "events that a busy worker may be given ahead of their turn, where they are short (15; 0: none)",
       Integer(&Config::prefetch_max, 0, 15)},
      {"idle_linger_ms", "an idle worker's threads are frozen after this (5)",
       Integer(&Config::idle_linger, 0, kIdleLingerMax.count())},
      {"zygote_forks_max", "workers of one zygote; then another takes its place (10000)",
       Integer(&Config::zygote_forks_max, 1, 1'000'000)},
      {"blanks_max",
       "sandboxes made ahead for workers that have one each; none while no function has such (4)",
       Integer(&Config::blanks_max, 0, kBlanksMax)},
      {"init_time_out_s", "limit of a handler's init (10)", Integer(&Config::init_time_out, 1, 900)},
      {"payload_bytes_max", "limit of an event's payload (6291456)",
       Integer(&Config::payload_bytes_max, 1024, 1'073'741'824)},
      {"response_bytes_max", "limit of an answer (6291556)",
       Integer(&Config::response_bytes_max, 1024, 1'073'741'824)},
      {"disk_reserve_mib",
       "with less room on the data folder's disk new work is refused, what runs is finished; 0: never (16)",
       Integer(&Config::disk_reserve_mib, 0, 1'048'576)},
      {"ledger_sync_ms", "longest time a record may be lost by power loss (20)",
       Integer(&Config::ledger_sync, 0, 10'000)},
      {"price_book", "file with the prices that bills are made with (Lambda's, us-east-1)",
       Text(&Config::price_book)},
      {"fsync_before_reply", "tell outcomes only once their record survives power loss: on or off (off)",
       Switch(&Config::fsync_before_reply)},
      {"ledger_keep_days", "single records of invocations are kept so long, their sums for ever (400)",
       Integer(&Config::ledger_keep, 35, 36'500)},
      {"log_keep_days", "what functions logged is kept so long (30)", Integer(&Config::log_keep, 1, 36'500)},
      {"log_function_mib", "what one function logged is kept up to this size, the oldest goes first (64)",
       Integer(&Config::log_function_mib, 1, 1'048'576)},
      {"log_invocation_kib", "of what one attempt prints and logs so much is kept, its beginning (1024)",
       Integer(&Config::log_invocation_kib, 1, 1'048'576)},
      {"log_total_mib", "... and what all of them did (1024)", Integer(&Config::log_total_mib, 1, 1'048'576)},
      {"ledger_segment_mib", "size of the ledger's files (64)",
       Integer(&Config::ledger_segment_mib, 1, 1024)},
      {"async_retry_delay_s", "before the first retry of an asynchronous event (60)",
       Integer(&Config::async_retry_delay, 0, 3'600)},
      {"async_events_max", "asynchronous events that wait or run, of all functions (100000)",
       Integer(&Config::async_events_max, 1, 10'000'000)},
      {"invocations_kept", "asynchronous invocations that have ended and can still be asked for (10000)",
       Integer(&Config::invocations_kept, 1, 1'000'000)},
      {"invocations_kept_hours", "how long they can be asked for (24)",
       Integer(&Config::invocations_kept_hours, 1, 8'760)},
      {"egress_pool", "addresses for functions with a network, four for each sandbox (10.213.0.0/20)",
       SetEgressPool},
      {"egress_open",
       "private ranges that functions with a network may reach, separated by commas: 192.168.1.0/24 (none)",
       SetEgressOpen},
      {"egress_resolvers", "addresses of the name servers for these, separated by commas (the host's)",
       SetEgressResolvers},
      {"nft", "the program nft, which sets their rules (/usr/sbin/nft, or where else it is found)",
       [](Config& c, const std::string& text) {
         c.egress.nft = text;
         return Ok();
       }},
      {"log_level", "debug, info, warn or error (info)", SetLogLevel},
  };
  return settings;
}

std::string FlagOf(std::string_view name) {
  std::string flag = "--" + std::string(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::vector<std::string> KnownNames(bool as_flags) {
  std::vector<std::string> names;
  for (const Setting& setting : Settings())
    names.push_back(as_flags ? FlagOf(setting.name) : std::string(setting.name));
  if (as_flags) names.insert(names.end(), {"--config", "--help", "--version"});
  return names;
}

Error Unknown(const std::string& name, bool as_flags) {
  const std::string nearest = Nearest(name, KnownNames(as_flags));
  return Invalid("unknown " + std::string(as_flags ? "flag " : "setting ") + "\"" + name + "\"" +
                 (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
}

Result<std::string> ScalarText(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_unsigned()) return std::to_string(value.get<uint64_t>());
  return Invalid("must be a text or a whole number");
}

std::string HomeDataDir() {
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/tmp") + "/.local/share/hearth";
}

}  // namespace

Config DefaultConfig() {
  Config config;
  const bool root = ::geteuid() == 0;
  config.data_dir = root ? "/var/lib/hearth" : HomeDataDir();
  config.isolation_least = root ? 4 : 2;
  struct sysinfo machine {};
  ::sysinfo(&machine);
  config.memory_mib = (uint64_t{machine.totalram} * machine.mem_unit >> 20) * 4 / 5;
  return config;
}

Status ApplyConfigText(std::string_view text, const std::string& path, Config& config) {
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
  } catch (const nlohmann::json::exception& e) {
    return Invalid(path + ": " + e.what());
  }
  if (!document.is_object()) return Invalid(path + ": must hold one JSON object");
  for (const auto& [name, value] : document.items()) {
    const auto setting =
        std::find_if(Settings().begin(), Settings().end(), [&](const Setting& s) { return s.name == name; });
    if (setting == Settings().end()) return Unknown(name, false).WithContext(path);
    auto scalar = ScalarText(value);
    if (!scalar.ok()) return scalar.error().WithContext(path + ": " + name);
    if (Status set = setting->set(config, *scalar); !set.ok())
      return set.error().WithContext(path + ": " + name);
  }
  return Ok();
}

Result<ParsedConfig> ParseCommandLine(const std::vector<std::string>& arguments) {
  ParsedConfig parsed{DefaultConfig(), ConfigAction::kRun};
  std::vector<std::pair<const Setting*, std::string>> flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i], value;
    if (name == "--help" || name == "-h") return ParsedConfig{{}, ConfigAction::kShowHelp};
    if (name == "--version") return ParsedConfig{{}, ConfigAction::kShowVersion};
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      const std::vector<std::string> known = KnownNames(true);
      if (std::find(known.begin(), known.end(), name) == known.end()) return Unknown(name, true);
      return Invalid(name + " needs a value");
    }
    if (name == "--config") {
      HEARTH_ASSIGN(const std::string text, ReadFile(value));
      HEARTH_TRY(ApplyConfigText(text, value, parsed.config));
      continue;
    }
    const auto setting = std::find_if(Settings().begin(), Settings().end(),
                                      [&](const Setting& s) { return FlagOf(s.name) == name; });
    if (setting == Settings().end()) return Unknown(name, true);
    flags.emplace_back(&*setting, value);
  }
  for (const auto& [setting, value] : flags) {  // after the file, wherever it stood
    if (Status set = setting->set(parsed.config, value); !set.ok())
      return set.error().WithContext(FlagOf(setting->name));
  }
  HEARTH_TRY(ValidateConfig(parsed.config));
  return parsed;
}

Status ValidateConfig(const Config& config) {
  if (!config.control_listen.IsLoopback() && config.auth_token_file.empty()) {
    return Invalid("--control-listen " + config.control_listen.host +
                   " is not a loopback address: whoever reaches it can run code here. Give "
                   "--auth-token-file, or listen on "
                   "127.0.0.1");
  }
  const bool digits =
      std::all_of(config.account.begin(), config.account.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (config.account.size() != 12 || !digits)
    return Invalid("account \"" + config.account + "\" must be 12 digits");
  return Ok();
}

std::string ConfigHelp() {
  constexpr size_t kFlagColumns = 29;  // the longest, and two blanks
  std::string help =
      "hearthd: runs functions when HTTP requests, queue messages and files ask for them.\n\n"
      "usage: hearthd [--config FILE] [--SETTING VALUE]...\n"
      "example: hearthd --data-dir ./data --data-listen 127.0.0.1:8080\n\n"
      "Settings; in FILE (JSON, comments allowed) with '_' for '-' and without the leading dashes:\n";
  for (const Setting& setting : Settings()) {
    const std::string flag = FlagOf(setting.name);
    help += "  " + flag + std::string(flag.size() < kFlagColumns ? kFlagColumns - flag.size() : 1, ' ') +
            std::string(setting.help) + "\n";
  }
  return help + "  --help, --version\n";
}

}  // namespace hearth
