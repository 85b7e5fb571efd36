#include "triggers/http/answer_stream.h"

#include "tests/unit/triggers/http/http_trigger_fixture.h"

namespace hearth {
namespace {

constexpr std::string_view kZeros("\0\0\0\0\0\0\0\0", 8);

// A URL that streams, and the event whose handler answers it.
struct Fixture : HttpTriggerFixture {
  Fixture() {
    GiveUrl("resize",
            {{"InvokeMode", "RESPONSE_STREAM"}, {"Cors", {{"AllowOrigins", {"https://a.example"}}}}});
    client = Get("/_url/resize/", {{"origin", "https://a.example"}});
    REQUIRE(sink.under_way() == 1);
    stream = sink.oldest_under_way().stream;
    REQUIRE(stream);
  }
  void End(Result<Outcome> outcome) {
    sink.End(std::move(outcome));
    executor.RunPosted();
  }
  std::shared_ptr<RecordedAnswer> client;
  std::shared_ptr<ResponseStream> stream;
};

TEST_CASE_METHOD(Fixture, "pieces go as they come, and the last one with the end",
                 "[trigger][http][stream]") {
  stream->Begin("text/plain");
  stream->Write("one ");
  REQUIRE(client->answer);
  CHECK(client->answer->status == 200);
  CHECK(client->header("content-type") == "text/plain");
  CHECK(client->header("x-amzn-requestid") == sink.delivered().back().request_id.text());
  CHECK(client->header("access-control-allow-origin") == "https://a.example");
  CHECK(client->answer->body == "one ");
  CHECK_FALSE(client->ended);
  End(Succeeded("two"));
  CHECK(client->answer->body == "one two");
  CHECK(client->ended);
}

TEST_CASE_METHOD(Fixture, "nothing was streamed: the answer is the outcome's", "[trigger][http][stream]") {
  End(Succeeded(R"({"statusCode":201,"body":"whole"})"));
  CHECK(client->answer->status == 201);
  CHECK(client->answer->body == "whole");
}

TEST_CASE_METHOD(Fixture, "a handler that fails in mid-stream cuts its client off",
                 "[trigger][http][stream]") {
  stream->Begin("text/plain");
  stream->Write("half");
  const bool ran = GENERATE(true, false);
  End(ran ? Result<Outcome>(Failed()) : Result<Outcome>(Error{ErrorCode::kInternal, "no record"}));
  CHECK(client->abandoned);
  CHECK_FALSE(client->ended);
}

TEST_CASE_METHOD(Fixture, "a prelude says status, headers and cookies, however it is cut",
                 "[trigger][http][stream]") {
  const std::string whole =
      R"({"statusCode":202,"headers":{"X-A":"b"},"cookies":["c=1"]})" + std::string(kZeros) + "body";
  const size_t cut = GENERATE_COPY(range(size_t{0}, whole.size() + 1));
  stream->Begin(std::string(kPreludeContentType));
  stream->Write(whole.substr(0, cut));
  stream->Write(whole.substr(cut));
  REQUIRE(client->answer);
  CHECK(client->answer->status == 202);
  CHECK(client->header("x-a") == "b");
  CHECK(client->header("set-cookie") == "c=1");
  CHECK(client->answer->body == "body");
  End(Succeeded(""));
  CHECK(client->ended);
}

TEST_CASE_METHOD(Fixture, "a prelude that is none is 502, and the rest goes nowhere",
                 "[trigger][http][stream]") {
  const std::string bad = GENERATE(as<std::string>(), "no json" + std::string(kZeros),
                                   "[]" + std::string(kZeros), R"({"statusCode":1})" + std::string(kZeros),
                                   R"({"headers":{"a":"b\r\nc: d"}})" + std::string(kZeros),
                                   std::string(AnswerStream::kPreludeBytesMax + 1, '{'));
  stream->Begin(std::string(kPreludeContentType));
  stream->Write(bad);
  REQUIRE(client->answer);
  CHECK(client->answer->status == 502);
  const std::string told = client->answer->body;
  stream->Write("more");
  End(Succeeded("and more"));
  CHECK(client->answer->body == told);
}

TEST_CASE_METHOD(Fixture, "a prelude at its limit waits, one that never ends is 502",
                 "[trigger][http][stream]") {
  stream->Begin(std::string(kPreludeContentType));
  stream->Write(std::string(AnswerStream::kPreludeBytesMax, '{'));
  CHECK_FALSE(client->answer);
  CHECK(stream->bytes_waiting() == AnswerStream::kPreludeBytesMax);
  End(Succeeded(""));
  CHECK(client->answer->status == 502);
}

TEST_CASE_METHOD(Fixture, "what the client has not taken is told", "[trigger][http][stream]") {
  stream->Begin("text/plain");
  client->bytes_untaken = 77;
  CHECK(stream->bytes_waiting() == 77);
}

TEST_CASE_METHOD(HttpTriggerFixture, "only a URL that streams gives its handler a stream",
                 "[trigger][http][stream]") {
  GiveUrl("resize");
  Get("/_url/resize/");
  CHECK_FALSE(sink.oldest_under_way().stream);
}

TEST_CASE_METHOD(HttpTriggerFixture, "how a URL is invoked is kept, and no third way taken",
                 "[trigger][http][stream]") {
  GiveUrl("resize", {{"InvokeMode", "RESPONSE_STREAM"}});
  Start();
  CHECK(nlohmann::json::parse(urls->Get("resize")->json)["InvokeMode"] == "RESPONSE_STREAM");
  const auto refused = Put(*urls, "resize", {{"FunctionName", "resize"}, {"InvokeMode", "SOMETIMES"}});
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().message.find("RESPONSE_STREAM") != std::string::npos);
}

TEST_CASE("a prelude in an answer that is not streamed", "[trigger][http][stream]") {
  const auto answer =
      AnswerFromPayload(R"({"statusCode":202})" + std::string(kZeros) + "body", kPreludeContentType);
  REQUIRE(answer.ok());
  CHECK(answer->status == 202);
  CHECK(answer->body == "body");
  CHECK_FALSE(AnswerFromPayload("no end", kPreludeContentType).ok());
}

}  // namespace
}  // namespace hearth
