#include "runtime/cli/application.h"

#include <sstream>

#include <catch2/catch.hpp>

#include "runtime/base/base64.h"
#include "runtime/base/files.h"
#include "runtime/cli/command_table.h"
#include "runtime/cli/help.h"
#include "tests/unit/runtime/cli/canned_server.h"

namespace hearth::cli {
namespace {

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

Ran Run(const std::vector<std::string>& words, const std::string& url = "http://127.0.0.1:1") {
  std::ostringstream out, err;
  const auto environment = [&](const char* name) {
    return std::string(name) == "HEARTH_URL" ? url : std::string();
  };
  const int code = RunCommandLine(words, environment, out, err);
  return {code, out.str(), err.str()};
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string FunctionAnswer(const std::string& body, const std::string& headers = "") {
  return CannedServer::Json(
      200, body, "X-Amz-Log-Result: " + Base64Encode("START\nREPORT RequestId: 1\t\n") + "\r\n" + headers);
}

TEST_CASE("an answer goes to stdout, its log to stderr", "[cli]") {
  CannedServer daemon({FunctionAnswer("{\"n\":1}")});
  const Ran ran = Run({"invoke", "greet", "{\"name\":\"Ada\"}"}, daemon.url());
  CHECK(ran.code == 0);
  CHECK(ran.out == "{\"n\":1}\n");
  CHECK(ran.err == "START\nREPORT RequestId: 1\t\n");
  CHECK(daemon.requests().at(0).starts_with("POST /2015-03-31/functions/greet/invocations HTTP/1.1\r\n"));
  CHECK(daemon.requests().at(0).ends_with("\r\n\r\n{\"name\":\"Ada\"}"));
}

TEST_CASE("a failed function is told without being asked, and is exit code 1", "[cli]") {
  CannedServer daemon({FunctionAnswer(R"({"errorType":"shop::Closed","errorMessage":"no tea"})",
                                      "X-Amz-Function-Error: Unhandled\r\n")});
  const Ran ran = Run({"invoke", "shop", "--no-logs"}, daemon.url());
  CHECK(ran.code == 1);
  CHECK(ran.err == "function error: shop::Closed: no tea\n");
}

TEST_CASE("a timed-out function is exit code 124", "[cli]") {
  CannedServer daemon({FunctionAnswer(R"({"errorType":"Sandbox.Timedout","errorMessage":"over"})",
                                      "X-Amz-Function-Error: Unhandled\r\n")});
  CHECK(Run({"invoke", "slow"}, daemon.url()).code == 124);
}

TEST_CASE("a throttled call is exit code 75, a refused one 3", "[cli]") {
  CannedServer daemon({CannedServer::Json(429, R"({"message":"Rate Exceeded.","Reason":"Why"})"),
                       CannedServer::Json(404, R"({"Message":"Function not found: x"})",
                                          "x-amzn-ErrorType: ResourceNotFoundException\r\n")});
  CHECK(Run({"invoke", "busy"}, daemon.url()).code == 75);
  const Ran refused = Run({"invoke", "x"}, daemon.url());
  CHECK(refused.code == 3);
  CHECK(refused.err == "hearth: invoke: Function not found: x (ResourceNotFoundException, 404)\n");
}

TEST_CASE("a FIFO queue has its name and its flag", "[cli]") {
  CHECK(Run({"queue", "create", "orders", "--fifo"}).code == 2);
  CHECK(Run({"queue", "create", "orders.fifo"}).code == 2);
  CHECK(Run({"queue", "create", "orders", "--deduplicate-content"}).code == 2);
  CannedServer daemon({CannedServer::Json(200, R"({"QueueUrl":"http://h/1/orders.fifo"})")});
  CHECK(Run({"queue", "create", "orders.fifo", "--fifo", "--deduplicate-content"}, daemon.url()).code == 0);
  CHECK(Has(daemon.requests().at(0), R"("FifoQueue":"true")"));
  CHECK(Has(daemon.requests().at(0), R"("ContentBasedDeduplication":"true")"));
}

TEST_CASE("queue send takes attributes and a group", "[cli]") {
  CannedServer daemon({CannedServer::Json(200, R"({"MessageId":"m-1"})")});
  const Ran ran =
      Run({"queue", "send", "q.fifo", "body", "--group", "g", "--attribute", "a=b=c"}, daemon.url());
  CHECK(ran.out == "sent m-1\n");
  CHECK(Has(daemon.requests().at(0), R"("MessageGroupId":"g")"));
  CHECK(Has(daemon.requests().at(0), R"("a":{"DataType":"String","StringValue":"b=c"})"));
  CHECK(Run({"queue", "send", "q", "body", "--attribute", "a"}).code == 2);
}

TEST_CASE("redrive waits, shows how far it is, and says how it ended", "[cli]") {
  const auto task = [](const std::string& status, int moved) {
    return CannedServer::Json(200, R"({"Results":[{"Status":")" + status +
                                       R"(","ApproximateNumberOfMessagesMoved":)" + std::to_string(moved) +
                                       R"(,"ApproximateNumberOfMessagesToMove":9}]})");
  };
  const std::string info = CannedServer::Json(200, R"({"region":"us-east-1","account":"000000000000"})");
  const std::string started = CannedServer::Json(200, R"({"TaskHandle":"t"})");
  CannedServer good({info, started, task("RUNNING", 4), task("COMPLETED", 9)});
  const Ran completed = Run({"queue", "redrive", "dead", "--rate", "50", "--wait"}, good.url());
  CHECK(completed.code == 0);
  CHECK(completed.err == "running: 4 of about 9 messages moved\n");
  CHECK(completed.out == "completed: 9 of about 9 messages moved\n");
  CHECK(Has(good.requests().at(1), R"("MaxNumberOfMessagesPerSecond":50)"));
  CannedServer bad({info, started, task("FAILED", 4)});
  CHECK(Run({"queue", "redrive", "dead", "--wait"}, bad.url()).code == 3);
  CHECK(Run({"queue", "redrive", "dead", "--rate", "501"}).code == 2);
}

TEST_CASE("a list of several pages is one list", "[cli]") {
  CannedServer daemon({CannedServer::Json(200, R"({"Functions":[{"FunctionName":"a"}],"NextMarker":"1"})"),
                       CannedServer::Json(200, R"({"Functions":[{"FunctionName":"b"}]})")});
  const Ran ran = Run({"ls", "--json"}, daemon.url());
  CHECK(ran.out == "{\"Functions\":[{\"FunctionName\":\"a\"},{\"FunctionName\":\"b\"}]}\n");
  CHECK(Has(daemon.requests().at(1), "?Marker=1 "));
}

TEST_CASE("an answer of another shape is an error, not a crash", "[cli]") {
  CannedServer daemon({CannedServer::Json(200, "[1]"), CannedServer::Json(200, "no json")});
  CHECK(Run({"bill"}, daemon.url()).code == 3);
  CHECK(Run({"bill"}, daemon.url()).code == 3);
}

TEST_CASE("a bill that is not the same again is exit code 3 and says where", "[cli]") {
  CannedServer daemon({CannedServer::Json(200, R"({"same":false,"difference":"a is now b"})"),
                       CannedServer::Json(200, R"({"same":true,"lines":2})")});
  const Ran different = Run({"bill", "re-rate", "--month", "2026-11"}, daemon.url());
  CHECK(different.code == 3);
  CHECK(Has(different.out, "DIFFERENT: a is now b"));
  const Ran same = Run({"bill", "re-rate", "--month", "2026-11"}, daemon.url());
  CHECK(same.code == 0);
  CHECK(Has(same.out, "the same, byte for byte"));
}

TEST_CASE("wrong usage is exit code 2 with a suggestion", "[cli]") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"deplyo"},
                                                {"queue", "craete"},
                                                {"ls", "--jsn"},
                                                {"invoke"},
                                                {"queue"},
                                                {"--json"},
                                                {"deploy", "/no/such/file.so"},
                                                {"bill", "--month", "x"},
                                                {"url", "f", "--rm", "--token"}}) {
    CAPTURE(words);
    const Ran ran = Run(words);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(Has(ran.err, "--help"));
  }
  CHECK(Has(Run({"deplyo"}).err, "did you mean deploy?"));
  CHECK(Has(Run({"queue", "craete"}).err, "did you mean create?"));
}

TEST_CASE("every command has help with an example", "[cli]") {
  for (const Command& command : Commands()) {
    CAPTURE(command.name);
    std::vector<std::string> words{command.Verb()};
    if (command.name != command.Verb()) words.push_back(command.name.substr(command.Verb().size() + 1));
    words.emplace_back("--help");
    const Ran ran = Run(words);
    CHECK(ran.code == 0);
    CHECK(Has(ran.out, "Example"));
    CHECK(Has(ran.out, "Usage: hearth " + command.name));
    CHECK_FALSE(command.summary.ends_with('.'));
    for (const Example& example : command.examples) CHECK(Has(example.command, "hearth " + command.name));
  }
  CHECK(Has(Run({"queue", "--help"}).out, "hearth queue send"));
  CHECK(Run({"help", "queue", "send"}).out == Run({"queue", "send", "--help"}).out);
}

TEST_CASE("a flag may stand before the verb", "[cli]") {
  CannedServer daemon({CannedServer::Json(200, R"({"versions":[]})")});
  CHECK(Run({"--endpoint", daemon.url(), "--json", "ps"}).out == "{\"versions\":[]}\n");
}

TEST_CASE("docs/cli.md is what hearth help --markdown prints", "[cli]") {
  const auto page = ReadFile(HEARTH_SOURCE_DIR "/docs/cli.md");
  REQUIRE(page.ok());
  INFO("make it again: hearth help --markdown > docs/cli.md");
  CHECK(*page == Run({"help", "--markdown"}).out);
}

}  // namespace
}  // namespace hearth::cli
