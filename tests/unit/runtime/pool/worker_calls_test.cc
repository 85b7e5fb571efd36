// Calls of other functions over a worker's channel: what an honest worker gets, and what a dishonest one.

#include <fcntl.h>
#include <sys/mman.h>

#include "tests/unit/runtime/pool/played_worker.h"

namespace hearth {
namespace {

// Keeps the calls until the test answers them.
struct FakeCalls final : HostCalls {
  uint64_t Call(HostCall call, OnReply done) override {
    callers.push_back(call.caller->request_id.text());
    call.caller = nullptr;
    calls.push_back(std::move(call));
    dones.push_back(std::move(done));
    return calls.size();
  }
  void Drop(uint64_t call) override { dropped.push_back(call); }
  void Answer(HostReply reply) { dones.back()(std::move(reply)); }
  std::vector<HostCall> calls;
  std::vector<std::string> callers;
  std::vector<OnReply> dones;
  std::vector<uint64_t> dropped;
};

std::string CallPacket(uint64_t sequence, const std::string& function, const std::string& payload = "{}") {
  std::string packet;
  CallFrame frame;
  frame.function = function;
  EncodeCall(sequence, frame, payload, packet);
  return packet;
}

class Fixture : public PlayedWorkerFixture {
 protected:
  Fixture() { context_.calls = &calls_; }
  ~Fixture() { worker_.reset(); }
  void RunUntilCalled(size_t calls = 1) {
    RunUntil([this, calls] { return calls_.calls.size() == calls; });
  }
  static HostReply Ok(std::string payload) {
    HostReply reply;
    reply.status = HostReply::Status::kOk;
    reply.payload = std::move(payload);
    reply.request_id = "callee";
    return reply;
  }
  FakeCalls calls_;
};

ReplyFrame HearReply(Player& worker) {
  const Packet packet = worker.Hear();
  std::string_view body;
  const auto header = TakeHeader(packet.bytes, body);
  auto frame = DecodeReply(body, header->flags);
  if ((header->flags & kFlagBodyInMemfd) != 0)
    frame->payload = std::move(ReadSealedBody(packet.fds.at(0).get(), 100 << 20)).value();
  return *frame;
}

TEST_CASE_METHOD(Fixture, "dies with the reply to its call unread: it has run, and is not run again",
                 "[worker][calls]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Say(CallPacket(worker.sequence(), "other"));
    worker.AwaitGo();
  });
  Run();
  RunUntilCalled();
  calls_.Answer(Ok("unread"));
  Go();
  CHECK(Ended().delivered);
}

TEST_CASE_METHOD(Fixture, "a call and its reply, then the answer", "[worker][calls]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    for (const char* name : {"first", "second"}) {
      worker.Say(CallPacket(worker.sequence(), name));
      worker.Answer(HearReply(worker).payload);
      if (name == std::string("first")) worker.HearInvoke();
    }
    worker.Wait();
  });
  for (const char* name : {"first", "second"}) {
    Run();
    RunUntil([&] { return !calls_.calls.empty() && calls_.calls.back().function == name; });
    CHECK(calls_.callers.back() == event_.request_id.text());
    CHECK(calls_.calls.back().deadline > loop->clock().Now());
    CHECK(worker_->state() == WorkerState::kBusy);
    calls_.Answer(Ok(std::string("of ") + name));
    const Attempt attempt = Ended();
    CHECK(attempt.kind == OutcomeKind::kSuccess);
    CHECK(attempt.payload == std::string("of ") + name);
  }
  CHECK(calls_.dropped.empty());
}

TEST_CASE_METHOD(Fixture, "a large call and a large reply travel as memfds", "[worker][calls]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    const std::string large(kInlineBytesMax + 1, 'q');
    const auto memfd = std::move(MakeSealedMemfd("call", large)).value();
    worker.Say(CallPacket(1, "f", large), {memfd.get()});
    worker.Answer(std::to_string(HearReply(worker).payload.size()));
    worker.Wait();
  });
  Run();
  RunUntilCalled();
  CHECK(calls_.calls[0].payload == std::string(kInlineBytesMax + 1, 'q'));
  calls_.Answer(Ok(std::string(1'000'000, 'a')));
  CHECK(Ended().payload == "1000000");
}

TEST_CASE_METHOD(Fixture, "a call's payload in a memfd at the limit and one past it", "[worker][calls]") {
  context_.call_bytes_max = 100'000;
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    for (const size_t size : {100'000, 100'001}) {
      const std::string large(size, 'q');
      const auto memfd = std::move(MakeSealedMemfd("call", large)).value();
      worker.Say(CallPacket(1, "f", large), {memfd.get()});
      const ReplyFrame reply = HearReply(worker);
      if (size > 100'000) worker.Answer(reply.error_type + ": " + reply.error_message);
    }
    worker.Wait();
  });
  Run();
  RunUntilCalled();
  calls_.Answer(Ok("fits"));
  const std::string told = Ended().payload;
  CHECK(told.starts_with("RequestTooLargeException: "));
  CHECK(told.find("100001") != std::string::npos);
  CHECK(told.find("100000") != std::string::npos);
  CHECK(calls_.calls.size() == 1);
}

TEST_CASE_METHOD(Fixture, "nobody there to call", "[worker][calls]") {
  context_.calls = nullptr;
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Say(CallPacket(1, "f"));
    worker.Answer(HearReply(worker).error_type);
    worker.Wait();
  });
  Run();
  CHECK(Ended().payload == "ServiceUnavailableException");
}

std::string Sequenced(uint16_t kind, uint64_t sequence, uint32_t flags = 0) {
  std::string out;
  PutHeader(out, {.kind = kind, .flags = flags, .sequence = sequence});
  return out;
}

// Goal: who waits for a reply may log; whatever else it sends ends it, and the call is dropped.
TEST_CASE_METHOD(Fixture, "a frame that a waiting worker may not send ends it", "[worker][calls]") {
  const std::string forged =
      GENERATE(CallPacket(1, "again"), CallPacket(2, "other"), CallPacket(0, "zero"),
               Player::ResponsePacket(1, "early"), EncodeError(WorkerFrameKind::kFailure, 1, {"a", "b", ""}),
               Sequenced(11, 1), Sequenced(12, 1), EncodeEmpty(WorkerFrameKind::kReady));
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    worker.Say(CallPacket(1, "f"));
    worker.Say(EncodeLog(1, {2, "waiting", ""}));
    worker.AwaitGo();
    worker.SayRaw(forged);
    worker.Wait();
  });
  Run();
  RunUntil([this] { return !logs_.lines.empty(); });
  CHECK(calls_.calls.size() == 1);
  Go();
  CHECK(EndedByProtocol().error.message.find("waiting for the answer to a call") != std::string::npos);
  CHECK(calls_.calls.size() == 1);
  CHECK(calls_.dropped == std::vector<uint64_t>{1});
}

TEST_CASE_METHOD(Fixture, "a forged call ends the worker and calls nobody", "[worker][calls]") {
  std::string bad_type = CallPacket(1, "f");
  bad_type[sizeof(FrameHeader)] = 2;
  const std::string forged = GENERATE_COPY(
      CallPacket(0, "f"), CallPacket(2, "f"), CallPacket(UINT64_MAX, "f"), bad_type, CallPacket(1, "f") + "x",
      Sequenced(11, 1), Sequenced(11, 1, kFlagBodyInMemfd), Sequenced(12, 1));
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    worker.SayRaw(forged);
    worker.Wait();
  });
  Run();
  EndedByProtocol();
  CHECK(calls_.calls.empty());
  CHECK(calls_.dropped.empty());
}

TEST_CASE_METHOD(Fixture, "a call's memfd that is none, or that its writer could change", "[worker][calls]") {
  const int kind = GENERATE(0, 1, 2);
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    const std::string large(kInlineBytesMax + 1, 'q');
    const int unsealed = ::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    std::vector<int> fds;
    if (kind > 0) fds.push_back(kind == 1 ? unsealed : ::open("/", O_RDONLY));
    worker.Say(CallPacket(1, "f", large), fds);
    worker.Wait();
  });
  Run();
  EndedByProtocol();
  CHECK(calls_.calls.empty());
}

TEST_CASE_METHOD(Fixture, "a call before init is through, or from an idle worker, ends it",
                 "[worker][calls]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Hear();
    worker.Say(CallPacket(1, "f"));
    worker.Wait();
  });
  Run();
  EndedByProtocol();
  CHECK(calls_.calls.empty());
}

TEST_CASE_METHOD(Fixture, "a caller that dies, or is killed, while it waits drops its call",
                 "[worker][calls]") {
  version_->settings.timeout = seconds(1);
  const bool dies = GENERATE(true, false);
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    worker.Say(CallPacket(1, "f"));
    worker.AwaitGo();
    if (dies) ::_exit(3);
    worker.Wait();
  });
  Run();
  RunUntilCalled();
  Go();
  if (dies) ReapAndTell();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == (dies ? OutcomeKind::kCrash : OutcomeKind::kTimeout));
  CHECK(calls_.dropped == std::vector<uint64_t>{1});
}

TEST_CASE_METHOD(Fixture, "an attempt that is aborted: the worker is killed, what ran is told", "[worker]") {
  const bool calling = GENERATE(true, false);
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    if (calling) worker.Say(CallPacket(1, "f"));
    worker.Complain("busy\n");
    worker.Wait();
  });
  Run();
  RunUntil([&] { return !logs_.lines.empty() && calls_.calls.size() == size_t{calling}; });
  worker_->Abort(event_, "its client went away");
  CHECK(Reap().signal == SIGKILL);
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kAborted);
  CHECK(attempt.error.type == "Hearth.ClientGone");
  CHECK(attempt.error.message.find("its client went away") != std::string::npos);
  CHECK(attempt.duration > nanoseconds(0));
  CHECK(attempt.delivered);
  CHECK_FALSE(worker_->usable());
  CHECK(calls_.dropped.size() == size_t{calling});
}

}  // namespace
}  // namespace hearth
