#include "runtime/http/responder.h"

#include <catch2/catch.hpp>

namespace hearth::http {
namespace {

struct FakeSink final : ResponseSink {
  std::string log;
  void Send(Response response) override { log += "send" + std::to_string(response.status) + " "; }
  void Begin(Response, std::optional<uint64_t>) override { log += "begin "; }
  void Write(std::string bytes) override { log += bytes + " "; }
  void End() override { log += "end "; }
  void Abandon() override { log += "abandon "; }
  void OnClientGone(std::function<void()>) override {}
  void OnRoom(std::function<void()>) override {}
  bool client_gone() const override { return false; }
  uint64_t bytes_waiting() const override { return 7; }
};

}  // namespace

TEST_CASE("a responder answers once", "[http]") {
  const auto sink = std::make_shared<FakeSink>();
  {
    Responder responder(sink);
    CHECK_FALSE(responder.answered());
    responder.Send({.status = 201});
    responder.Send({.status = 202});
    CHECK(responder.answered());
  }
  CHECK(sink->log == "send201 ");
}

TEST_CASE("a responder that is dropped says so, a moved one does not", "[http]") {
  const auto sink = std::make_shared<FakeSink>();
  {
    Responder first(sink);
    Responder second(std::move(first));
    CHECK(second.bytes_waiting() == 7);
  }
  CHECK(sink->log == "abandon ");
}

TEST_CASE("an assigned-over responder is dropped", "[http]") {
  const auto dropped = std::make_shared<FakeSink>();
  const auto kept = std::make_shared<FakeSink>();
  Responder responder(dropped);
  responder = Responder(kept);
  CHECK(dropped->log == "abandon ");
  responder.Begin({});
  responder.Write("a");
  responder.End();
  responder.Write("b");
  CHECK(kept->log == "begin a end ");
}

TEST_CASE("a default responder does nothing", "[http]") {
  Responder responder;
  responder.Send({});
  responder.Write("a");
  CHECK(responder.answered());
  CHECK(responder.client_gone());
}

}  // namespace hearth::http
