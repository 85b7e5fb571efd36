#include "runtime/worker/handler_host.h"

#include <cstring>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>

#include "runtime/worker/library_loader.h"

namespace hearth {
namespace {

hearth_bytes Text(const char* text) { return {text, std::strlen(text)}; }

// What each handler below does when it is invoked.
int Echo(const hearth_host* host, const hearth_request* request, void*) {
  CHECK(request->payload.data[request->payload.size] == '\0');
  return host->response_write(host, request->payload);
}
int FailWithReason(const hearth_host* host, const hearth_request*, void*) {
  return host->fail(host, Text("Shop.OutOfStock"), Text("no \"teapots\""), Text("at a\nat b")) + 5;
}
int FailSilently(const hearth_host*, const hearth_request*, void*) { return 42; }
int WriteTooMuch(const hearth_host* host, const hearth_request*, void*) {
  const std::string block(1u << 20, 'x');
  for (int i = 0; i < 6; ++i) CHECK(host->response_write(host, {block.data(), block.size()}) == HEARTH_OK);
  CHECK(host->response_write(host, {block.data(), block.size()}) == HEARTH_TOO_LARGE);
  return 0;
}
int UseContentType(const hearth_host* host, const hearth_request*, void*) {
  CHECK(host->response_content_type(host, Text("text/plain\r\nX: y")) == HEARTH_INVALID);
  CHECK(host->response_content_type(host, Text("text/plain")) == HEARTH_OK);
  CHECK(host->response_write(host, {nullptr, 3}) == HEARTH_INVALID);
  return 0;
}
int WriteFromAnotherThread(const hearth_host* host, const hearth_request*, void*) {
  int written = HEARTH_OK;
  std::thread([&] { written = host->response_write(host, Text("x")); }).join();
  CHECK(written == HEARTH_NOT_ALLOWED);
  return 0;
}
int LogMuch(const hearth_host* host, const hearth_request*, void*) {
  const std::string message(kLogMessageBytesMax - 1, 'm');
  const std::string long_message = message + "\xc3\xa4";  // its two bytes stand on either side of the limit
  const std::string long_fields(kLogFieldsBytesMax + 1, ' ');
  host->log(host, 99, {long_message.data(), long_message.size()}, {long_fields.data(), long_fields.size()});
  return 0;
}

// A host in this process, with the other end of its channel.
struct HostFixture {
  explicit HostFixture(int (*invoke)(const hearth_host*, const hearth_request*, void*)) {
    functions.abi_version = HEARTH_ABI_VERSION;
    functions.struct_size = sizeof functions;
    functions.invoke = invoke;
    auto pair = MakePacketSocketPair();
    REQUIRE(pair.ok());
    ours = std::move(pair->ours);
    theirs = std::move(pair->theirs);
    host =
        std::make_unique<HandlerHost>(theirs.get(), functions, HandlerFacts{"f", "1", 128u << 20, 6u << 20});
  }
  bool Hand(const std::string& bytes) {
    Packet packet;
    packet.bytes = bytes;
    return host->Handle(packet);
  }
  void Init() {
    REQUIRE(Hand(EncodeEmpty(WorkerFrameKind::kInit)));
    CHECK(Next() == WorkerFrameKind::kReady);
  }
  bool Invoke(const std::string& payload = "{}") {
    std::string bytes;
    EncodeInvoke(7, InvokeFrame{}, payload, bytes);
    return Hand(bytes);
  }
  WorkerFrameKind Next() {
    auto received = ReceivePacket(ours.get(), FdPolicy::kAccept);
    REQUIRE(received.ok());
    REQUIRE(received->kind == ReceivedPacket::Kind::kPacket);
    packet = std::move(received->packet);
    const auto taken = TakeHeader(packet.bytes, body);
    REQUIRE(taken);
    header = *taken;
    return static_cast<WorkerFrameKind>(header.kind);
  }

  hearth_function functions{};
  UniqueFd ours, theirs;
  std::unique_ptr<HandlerHost> host;
  Packet packet;
  FrameHeader header;
  std::string_view body;
};

TEST_CASE("what a handler writes is the response", "[handler]") {
  HostFixture f(&Echo);
  f.Init();
  REQUIRE(f.Invoke("{\"a\":1}"));
  REQUIRE(f.Next() == WorkerFrameKind::kResponse);
  CHECK(f.header.sequence == 7);
  CHECK(DecodeResponse(f.body, f.header.flags)->payload == "{\"a\":1}");
  CHECK(DecodeResponse(f.body, f.header.flags)->content_type == "application/json");
}

TEST_CASE("a failure carries its reason", "[handler]") {
  HostFixture f(&FailWithReason);
  f.Init();
  REQUIRE(f.Invoke());
  REQUIRE(f.Next() == WorkerFrameKind::kFailure);
  const auto error = DecodeError(f.body);
  REQUIRE(error);
  CHECK(error->type == "Shop.OutOfStock");
  CHECK(error->message == "no \"teapots\"");
  CHECK(error->stack == R"(["at a","at b"])");
}

TEST_CASE("a failure without a reason says what was returned", "[handler]") {
  HostFixture f(&FailSilently);
  f.Init();
  REQUIRE(f.Invoke());
  REQUIRE(f.Next() == WorkerFrameKind::kFailure);
  CHECK(DecodeError(f.body)->type == "Function.Error");
  CHECK_THAT(DecodeError(f.body)->message, Catch::Contains("42"));
}

TEST_CASE("a response over the limit is an error of its own", "[handler]") {
  HostFixture f(&WriteTooMuch);
  f.Init();
  REQUIRE(f.Invoke());
  REQUIRE(f.Next() == WorkerFrameKind::kFailure);
  CHECK(DecodeError(f.body)->type == "Function.ResponseSizeTooLarge");
}

TEST_CASE("arguments and threads are checked", "[handler]") {
  HostFixture content_type(&UseContentType);
  content_type.Init();
  REQUIRE(content_type.Invoke());
  REQUIRE(content_type.Next() == WorkerFrameKind::kResponse);
  CHECK(DecodeResponse(content_type.body, 0)->content_type == "text/plain");
  HostFixture thread(&WriteFromAnotherThread);
  thread.Init();
  REQUIRE(thread.Invoke());
}

TEST_CASE("a log too long is cut between characters, fields too long are left out", "[handler]") {
  HostFixture f(&LogMuch);
  f.Init();
  REQUIRE(f.Invoke());
  REQUIRE(f.Next() == WorkerFrameKind::kLog);
  CHECK(f.header.sequence == 7);
  const auto log = DecodeLog(f.body);
  REQUIRE(log);
  CHECK(log->level == HEARTH_LOG_INFO);
  CHECK(log->message == std::string(kLogMessageBytesMax - 1, 'm'));
  CHECK(log->fields_json == "{\"fields\":\"left out: over 16 KiB\"}");
}

TEST_CASE("frames out of turn end the worker", "[handler]") {
  HostFixture f(&Echo);
  SECTION("invoke before init") { CHECK_FALSE(f.Invoke()); }
  SECTION("init twice") {
    f.Init();
    CHECK_FALSE(f.Hand(EncodeEmpty(WorkerFrameKind::kInit)));
  }
  SECTION("a kind of the other direction") { CHECK_FALSE(f.Hand(EncodeEmpty(WorkerFrameKind::kReady))); }
  SECTION("garbage") { CHECK_FALSE(f.Hand("garbage")); }
}

TEST_CASE("a table of another version is refused with both numbers", "[handler]") {
  HostFixture f(&Echo);
  CHECK(CheckHandlerTable(&f.functions).empty());
  hearth_function table = f.functions;
  table.abi_version = 9;
  CHECK_THAT(CheckHandlerTable(&table), Catch::Contains("version 9") && Catch::Contains("version 1"));
  table = f.functions;
  table.struct_size = 16;
  CHECK_THAT(CheckHandlerTable(&table), Catch::Contains("16 bytes"));
  table = f.functions;
  table.invoke = nullptr;
  CHECK_FALSE(CheckHandlerTable(&table).empty());
  CHECK_FALSE(CheckHandlerTable(nullptr).empty());
}

TEST_CASE("lines become a JSON array", "[handler]") {
  CHECK(LinesAsJson("").empty());
  CHECK(LinesAsJson("a\n\n\"b\"\\\t") == R"(["a","\"b\"\\\t"])");
}

}  // namespace
}  // namespace hearth
