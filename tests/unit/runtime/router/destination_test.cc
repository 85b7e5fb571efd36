#include "runtime/router/destination.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/router/router_fixture.h"

namespace hearth {
namespace {

const std::string kQueues = "arn:aws:sqs:us-east-1:000000000000:";
const std::string kFunctions = "arn:aws:lambda:us-east-1:000000000000:function:";

class DestinationFixture : public RouterFixture {
 protected:
  void MakeQueue(const std::string& name, QueueSettings settings = {}) {
    user_queues_.Create(name, settings, [](const Status& made) { REQUIRE(made.ok()); });
    executor_.RunPosted();
  }
  Status Check(const std::string& arn) {
    std::optional<Status> checked;
    destinations_.Check(arn, [&](const Status& status) { checked = status; });
    CHECK_FALSE(checked);  // never inside the call
    executor_.RunPosted();
    REQUIRE(checked);
    return *checked;
  }
  Status Send(const std::string& arn, const std::string& body, const std::string& key = "") {
    std::optional<Status> stored;
    Destination::Message message;
    message.body = body;
    message.idempotency_key = key;
    message.attributes = {{"RequestID", {"String", "r-1"}}};
    destinations_.Send(arn, message, [&](const Status& status) { stored = status; });
    CHECK_FALSE(stored);
    executor_.RunPosted();
    REQUIRE(stored);
    return *stored;
  }
  std::vector<QueueMessage> Messages(const std::string& queue) {
    std::vector<QueueMessage> found;
    user_queues_.Peek(queue, 10,
                      [&](const Result<std::vector<QueueMessage>>& seen) { found = seen.value(); });
    executor_.RunPosted();
    return found;
  }
};

TEST_CASE_METHOD(DestinationFixture, "a queue gets a message with its attributes, once for each key",
                 "[destination]") {
  MakeQueue("failed");
  REQUIRE(Check(kQueues + "failed").ok());
  REQUIRE(Send(kQueues + "failed", "{}", "e-1").ok());
  REQUIRE(Send(kQueues + "failed", "{}", "e-1").ok());
  REQUIRE(Send(kQueues + "failed", "{}", "e-2").ok());
  const auto messages = Messages("failed");
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].body == "{}");
  CHECK(messages[0].attributes.at("RequestID").value == "r-1");
}

TEST_CASE_METHOD(DestinationFixture, "a FIFO queue gets each key once, too", "[destination]") {
  MakeQueue("failed.fifo", {.kind = QueueKind::kFifo});
  REQUIRE(Send(kQueues + "failed.fifo", "{}", "e-1").ok());
  REQUIRE(Send(kQueues + "failed.fifo", "{}", "e-1").ok());
  REQUIRE(Send(kQueues + "failed.fifo", "{}").ok());
  CHECK(Messages("failed.fifo").size() == 2);
}

TEST_CASE_METHOD(DestinationFixture, "a function gets an event of its own", "[destination]") {
  Deploy("audit");
  REQUIRE(Check(kFunctions + "audit").ok());
  REQUIRE(Send(kFunctions + "audit:$LATEST", R"({"a":1})", "e-1").ok());
  REQUIRE(Send(kFunctions + "audit:$LATEST", R"({"a":1})", "e-1").ok());
  StartWorkers();
  REQUIRE(launcher_.running().size() == 1);
  Complete(0);
  CHECK(ledger_.size() == 1);
}

TEST_CASE_METHOD(DestinationFixture, "what is not there is refused with its name", "[destination]") {
  struct Case {
    std::string arn;
    ErrorCode code;
    std::string says;
  };
  const Case one = GENERATE_COPY(
      Case{kQueues + "nobody", ErrorCode::kNotFound, "nobody"},
      Case{kFunctions + "nobody", ErrorCode::kNotFound, "nobody"},
      Case{"arn:aws:sqs:us-east-1:111111111111:failed", ErrorCode::kNotFound, "account 000000000000"},
      Case{"arn:aws:sns:us-east-1:000000000000:topic", ErrorCode::kInvalidArgument, "there are lambda, sqs"},
      Case{"arn:aws:sqs:us-east-1:000000000000:no/name", ErrorCode::kInvalidArgument, "no/name"},
      Case{"failed", ErrorCode::kInvalidArgument, "is no ARN"},
      Case{"", ErrorCode::kInvalidArgument, "is no ARN"});
  CAPTURE(one.arn);
  const Status checked = Check(one.arn);
  REQUIRE_FALSE(checked.ok());
  CHECK(checked.error().code == one.code);
  CHECK(checked.error().message.find(one.says) != std::string::npos);
  CHECK(Send(one.arn, "{}").error().code == one.code);
}

TEST_CASE_METHOD(DestinationFixture, "more than a queue takes is refused, what it takes is not",
                 "[destination]") {
  MakeQueue("small", {.message_bytes_max = 1024});
  const size_t attributes = std::string("RequestIDStringr-1").size();
  REQUIRE(Send(kQueues + "small", std::string(1024 - attributes, 'x')).ok());
  CHECK(Send(kQueues + "small", std::string(1025 - attributes, 'x')).error().code == ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace hearth
