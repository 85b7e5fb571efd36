#include "runtime/worker/handler_host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
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

int LogAtEachLevel(const hearth_host* host, const hearth_request*, void*) {
  for (uint32_t level = HEARTH_LOG_TRACE; level <= HEARTH_LOG_FATAL + 1; ++level)
    host->log(host, level, Text("m"), Text(""));
  return host->response_write(host, Text("1"));
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

// A handler with something to copy: each function adds its letter to the state.
std::string& Trace() {
  static std::string trace;
  return trace;
}
int TraceInit(const hearth_host*, const hearth_init* init, void** state) {
  *state = &Trace();
  Trace() = init->snap_start != 0 ? "I" : "i";
  return 0;
}
int TraceCheckpoint(const hearth_host*, void* state) {
  *static_cast<std::string*>(state) += 'c';
  return 0;
}
int TraceRestore(const hearth_host*, void* state) {
  *static_cast<std::string*>(state) += 'r';
  return 0;
}
int FailCheckpoint(const hearth_host* host, void*) {
  return host->fail(host, Text("Shop.Busy"), Text("not now"), Text("")) + 1;
}
int FailRestore(const hearth_host*, void*) { return 9; }

struct SnapshotFixture : HostFixture, StepObserver {
  SnapshotFixture() : HostFixture(&Echo) {
    functions.init = &TraceInit;
    functions.before_checkpoint = &TraceCheckpoint;
    functions.after_restore = &TraceRestore;
    HandlerFacts facts{"f", "1", 128u << 20, 6u << 20};
    facts.snap_start = true;
    host = std::make_unique<HandlerHost>(-1, functions, facts);
  }
  void Entered(std::string_view stage) override { stages.emplace_back(stage); }
  std::optional<StageFailure> TakeSnapshot() {
    REQUIRE(SendPacket(ours.get(), EncodeEmpty(WorkerFrameKind::kInit)).ok());
    auto failure = host->RunToSnapshot(theirs.get(), *this);
    CHECK(Next() == WorkerFrameKind::kStarted);
    return failure;
  }
  std::vector<std::string> stages;
};

TEST_CASE_METHOD(SnapshotFixture, "init and before_checkpoint run once, after_restore in a copy",
                 "[handler]") {
  REQUIRE_FALSE(TakeSnapshot());
  CHECK(stages == std::vector<std::string>{"run init", "run before_checkpoint"});
  CHECK(Trace() == "Ic");
  host->SayReady();
  CHECK(Next() == WorkerFrameKind::kReady);
  // What follows is in a copy; its channel stands at another number there.
  Init();
  CHECK(Trace() == "Icr");
  REQUIRE(Invoke("{}"));
  CHECK(Next() == WorkerFrameKind::kResponse);
}

TEST_CASE_METHOD(SnapshotFixture, "hooks that are not there are passed over", "[handler]") {
  functions.before_checkpoint = functions.after_restore = nullptr;
  REQUIRE_FALSE(TakeSnapshot());
  Init();
  CHECK(Trace() == "I");
}

TEST_CASE_METHOD(SnapshotFixture, "before_checkpoint says why there is nothing to copy", "[handler]") {
  functions.before_checkpoint = &FailCheckpoint;
  const auto failure = TakeSnapshot();
  REQUIRE(failure);
  CHECK(failure->stage == "run before_checkpoint");
  CHECK(failure->detail == "Shop.Busy: not now");
  CHECK(failure->authors_fault == 1);
  REQUIRE(Next() == WorkerFrameKind::kInitFailed);
  CHECK(DecodeError(body)->type == "Shop.Busy");
}

TEST_CASE_METHOD(SnapshotFixture, "an after_restore that fails ends its copy", "[handler]") {
  functions.after_restore = &FailRestore;
  REQUIRE_FALSE(TakeSnapshot());
  CHECK_FALSE(Hand(EncodeEmpty(WorkerFrameKind::kInit)));
  REQUIRE(Next() == WorkerFrameKind::kInitFailed);
  CHECK(DecodeError(body)->message == "the handler's after_restore returned 9 without saying why");
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

TEST_CASE("lines below the level of the function's log are not sent", "[handler]") {
  const auto levels_sent = [] {
    HostFixture f(&LogAtEachLevel);
    f.Init();
    REQUIRE(f.Invoke());
    std::vector<uint32_t> levels;
    while (f.Next() == WorkerFrameKind::kLog) levels.push_back(DecodeLog(f.body)->level);
    return levels;
  };
  const std::vector<uint32_t> all = {0, 1, 2, 3, 4, 5, HEARTH_LOG_INFO};
  ::setenv("AWS_LAMBDA_LOG_LEVEL", "ERROR", 1);
  CHECK(levels_sent() == all);  // the text format has none
  ::setenv("AWS_LAMBDA_LOG_FORMAT", "JSON", 1);
  CHECK(levels_sent() == std::vector<uint32_t>{4, 5});
  ::setenv("AWS_LAMBDA_LOG_LEVEL", "loud", 1);
  CHECK(levels_sent() == all);
  ::unsetenv("AWS_LAMBDA_LOG_LEVEL");
  ::unsetenv("AWS_LAMBDA_LOG_FORMAT");
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

// What the handler below found.
struct FoundObject {
  uint32_t state = HEARTH_OBJECT_NONE;
  int fd = -1;
  std::string text, problem;
  int reopened = -1;
};
FoundObject found;

int ReadObjectOf(const hearth_host*, const hearth_request* request, void*) {
  found = {request->object_state, request->object_fd, "",
           std::string(request->object_problem.data, request->object_problem.size)};
  char text[100];
  const ssize_t size = request->object_fd < 0 ? 0 : ::read(request->object_fd, text, sizeof text);
  found.text.assign(text, size < 0 ? 0 : static_cast<size_t>(size));
  return 0;
}
int CloseObjectAndReuseItsNumber(const hearth_host* host, const hearth_request* request, void* state) {
  ReadObjectOf(host, request, state);
  ::close(request->object_fd);
  found.reopened = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return 0;
}

struct ObjectFixture : HostFixture {
  explicit ObjectFixture(int (*invoke)(const hearth_host*, const hearth_request*, void*) = &ReadObjectOf)
      : HostFixture(invoke) {
    char name[] = "/tmp/handler_host_test_XXXXXX";
    const int file = ::mkstemp(name);
    REQUIRE(file >= 0);
    ::close(file);
    path = name;
    std::ofstream(path) << "meow";
    Init();
  }
  ~ObjectFixture() { std::filesystem::remove(path); }

  ObjectFrame Frame(const std::string& problem = "") const {
    struct stat st {};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    const auto ns = [](const timespec& t) { return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; };
    return {st.st_ino, static_cast<uint64_t>(st.st_size), ns(st.st_mtim), ns(st.st_ctim), problem};
  }
  UniqueFd Open() const { return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }
  bool InvokeWith(const ObjectFrame& object, std::vector<UniqueFd> fds) {
    InvokeFrame frame;
    frame.object = object;
    Packet given;
    EncodeInvoke(7, frame, "{}", given.bytes);
    given.fds = std::move(fds);
    return host->Handle(given);
  }
  bool InvokeWith(const ObjectFrame& object, UniqueFd fd) {
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(fd));
    return InvokeWith(object, std::move(fds));
  }

  std::string path;
};

TEST_CASE("an object is open while the handler runs, and not after it", "[handler]") {
  ObjectFixture f;
  REQUIRE(f.InvokeWith(f.Frame(), f.Open()));
  CHECK(found.state == HEARTH_OBJECT_OPEN);
  CHECK(found.text == "meow");
  CHECK(::fcntl(found.fd, F_GETFD) < 0);
}

TEST_CASE("a handler that has closed its object keeps what took its number", "[handler]") {
  ObjectFixture f(&CloseObjectAndReuseItsNumber);
  REQUIRE(f.InvokeWith(f.Frame(), f.Open()));
  REQUIRE(found.reopened == found.fd);
  CHECK(::fcntl(found.reopened, F_GETFD) >= 0);
  ::close(found.reopened);
}

TEST_CASE("an object that is not what it was is named, not given", "[handler]") {
  ObjectFixture f;
  const ObjectFrame before = f.Frame();
  UniqueFd fd = f.Open();
  SECTION("written meanwhile") {
    std::ofstream(f.path) << "woof!";
    REQUIRE(f.InvokeWith(before, std::move(fd)));
    CHECK(found.state == HEARTH_OBJECT_CHANGED);
  }
  SECTION("same size and times, another time of change") {
    REQUIRE(::chmod(f.path.c_str(), 0640) == 0);
    REQUIRE(f.InvokeWith(before, std::move(fd)));
    CHECK(found.state == HEARTH_OBJECT_CHANGED);
  }
  SECTION("deleted meanwhile") {
    std::filesystem::remove(f.path);
    REQUIRE(f.InvokeWith(before, std::move(fd)));
    CHECK(found.state == HEARTH_OBJECT_GONE);
  }
  CHECK(found.fd == -1);
  CHECK(found.text.empty());
  CHECK_FALSE(found.problem.empty());
}

TEST_CASE("an object that could not be opened says why", "[handler]") {
  ObjectFixture f;
  REQUIRE(f.InvokeWith(f.Frame("permission denied"), std::vector<UniqueFd>()));
  CHECK(found.state == HEARTH_OBJECT_UNAVAILABLE);
  CHECK(found.problem == "permission denied");
  REQUIRE(f.Invoke());
  CHECK(found.state == HEARTH_OBJECT_NONE);
}

TEST_CASE("descriptors that the frame does not promise end the worker, and promised ones that lack",
          "[handler]") {
  ObjectFixture f;
  CHECK_FALSE(f.InvokeWith(f.Frame(), std::vector<UniqueFd>()));
  CHECK_FALSE(f.InvokeWith(f.Frame("no"), f.Open()));
  std::vector<UniqueFd> two;
  two.push_back(f.Open());
  two.push_back(f.Open());
  CHECK_FALSE(f.InvokeWith(f.Frame(), std::move(two)));
}

}  // namespace
}  // namespace hearth
