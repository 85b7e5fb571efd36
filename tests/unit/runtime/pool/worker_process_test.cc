#include "runtime/pool/worker_process.h"

#include <sys/resource.h>

#include "tests/unit/runtime/pool/fake_cgroup.h"
#include "tests/unit/runtime/pool/played_worker.h"

namespace hearth {
namespace {

using Fixture = PlayedWorkerFixture;

TEST_CASE_METHOD(Fixture, "the life of a worker: started, init, ready, invoke, answer; warm the second time",
                 "[worker]") {
  PlayUntilStarted([](Player& worker) {
    const InvokeFrame first = worker.BecomeBusy();
    worker.Answer(first.request_id + first.payload + (first.cold ? " cold" : " warm"));
    const InvokeFrame second = worker.HearInvoke();
    worker.Answer(second.request_id + second.payload + (second.cold ? " cold" : " warm"));
    worker.Wait();
  });
  CHECK(worker_->usable());
  Run("[1]");
  CHECK_FALSE(worker_->usable());
  const Attempt cold = Ended();
  CHECK(cold.kind == OutcomeKind::kSuccess);
  CHECK(cold.payload == "request-1[1] cold");
  CHECK(cold.content_type == "application/json");
  CHECK(cold.cold);
  CHECK(cold.init > nanoseconds(0));
  CHECK(cold.duration > nanoseconds(0));
  REQUIRE(worker_->usable());
  Run("[2]");
  const Attempt warm = Ended();
  CHECK(warm.payload == "request-2[2] warm");
  CHECK_FALSE(warm.cold);
  CHECK(warm.init == nanoseconds(0));
  CHECK(states_.states == std::vector{WorkerState::kIdle, WorkerState::kInitialising, WorkerState::kBusy,
                                      WorkerState::kIdle, WorkerState::kBusy, WorkerState::kIdle});
}

TEST_CASE_METHOD(Fixture, "an event too large for a packet goes and comes back in a memfd", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    const InvokeFrame event = worker.BecomeBusy();
    const auto body = MakeSealedMemfd("answer", event.payload);
    worker.AnswerInMemfd({body->get()});
    worker.Wait();
  });
  std::string large(300'000, 'p');
  large[299'999] = 'q';
  Run(large);
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kSuccess);
  CHECK(attempt.payload == large);
  CHECK(attempt.content_type == "text/plain");
}

// Several, since the kernel's stamp is not used where the two clocks were read too far apart, by bad luck.
TEST_CASE_METHOD(Fixture, "an answer that lies unread costs its function nothing", "[worker]") {
  constexpr int kEvents = 5;
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Answer("1");
    for (int n = 0; n < kEvents; ++n) {
      worker.HearInvoke();
      worker.Answer("2");
    }
    worker.Wait();
  });
  Run();
  CHECK(Ended().duration > nanoseconds(0));
  int up_to_the_answer = 0;
  for (int n = 0; n < kEvents; ++n) {
    const auto before = loop->clock().Now();
    Run();
    const auto sent = loop->clock().Now();
    AwaitUnreadPacket();
    const auto answered = loop->clock().Now();
    while (loop->clock().Now() - answered <= 2 * (sent - before)) {
    }
    const Attempt attempt = Ended();
    CHECK(attempt.duration > nanoseconds(0));
    up_to_the_answer += attempt.duration <= answered - before;
  }
  CHECK(up_to_the_answer > 0);
}

TEST_CASE_METHOD(Fixture, "a failure is the handler's, and its worker lives on", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Say(
        EncodeError(WorkerFrameKind::kFailure, worker.sequence(), {"std::runtime_error", "no cat", "[]"}));
    worker.Wait();
  });
  Run();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kFunctionError);
  CHECK(attempt.error.type == "std::runtime_error");
  CHECK(attempt.error.message == "no cat");
  CHECK(worker_->usable());
}

// Goal: the handler's own words stand, whatever becomes of the process after them.
TEST_CASE_METHOD(Fixture, "init fails", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Hear();
    worker.Say(EncodeError(WorkerFrameKind::kInitFailed, 0, {"NoDatabase", "cannot connect", ""}));
    worker.Wait();
  });
  Run();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kInitError);
  CHECK(attempt.error.type == "NoDatabase");
  CHECK(attempt.error.message == "cannot connect");
  CHECK(attempt.init > nanoseconds(0));
  CHECK(attempt.init < milliseconds(90));  // without the wait for an exit status
  CHECK(attempt.duration == nanoseconds(0));
  CHECK_FALSE(worker_->usable());
}

TEST_CASE_METHOD(Fixture, "an answer at the limit is taken, one byte past it is not, in a packet or a memfd",
                 "[worker]") {
  const size_t limit = GENERATE(2000, 100'000);
  context_.response_bytes_max = limit;
  PlayUntilStarted([limit](Player& worker) {
    worker.BecomeBusy();
    for (const size_t size : {limit, limit + 1, limit}) {
      const std::string payload(size, 'x');
      if (size > kInlineBytesMax) {
        worker.AnswerInMemfd({MakeSealedMemfd("answer", payload)->get()});
      } else {
        worker.Answer(payload);
      }
      worker.HearInvoke();
    }
  });
  Run();
  CHECK(Ended().payload.size() == limit);
  Run();
  const Attempt over = Ended();
  CHECK(over.kind == OutcomeKind::kFunctionError);
  CHECK(over.error.type == "Function.ResponseSizeTooLarge");
  CHECK(over.error.message.find(std::to_string(limit) + " bytes") != std::string::npos);
  REQUIRE(worker_->usable());
  Run();
  CHECK(Ended().kind == OutcomeKind::kSuccess);
}

TEST_CASE_METHOD(Fixture, "exits while idle", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.AwaitGo();
  });
  Go();
  ReapAndTell();
  RunUntil([this] { return idle_deaths_ > 0; });
  RunSomeTurns();
  CHECK(idle_deaths_ == 1);
  CHECK_FALSE(worker_->usable());
  CHECK(started_.size() == 1);
}

TEST_CASE_METHOD(Fixture, "exits during init", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Hear();
    ::_exit(3);
  });
  Run();
  ReapAndTell();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kInitError);
  CHECK(attempt.error.type == "Runtime.ExitError");
  CHECK(attempt.error.message == "RequestId: request-1 Error: Runtime exited with error: exit status 3");
  CHECK(attempt.memory_peak == 2_MiB);
  CHECK(attempt.usage_source == UsageSource::kRusage);
  CHECK(idle_deaths_ == 0);
}

TEST_CASE_METHOD(Fixture, "exits during an event, in every way", "[worker]") {
  struct Way {
    std::function<void()> leave;
    std::string words;
  };
  const Way way = GENERATE(Way{[] { ::_exit(0); }, "Runtime exited without providing a reason"},
                           Way{[] { ::_exit(42); }, "Runtime exited with error: exit status 42"},
                           Way{[] { ::_exit(134); }, "Runtime exited with error: signal: aborted"},
                           Way{[] { ::signal(SIGSEGV, SIG_DFL), ::raise(SIGSEGV); },
                               "Runtime exited with error: signal: segmentation fault"},
                           Way{[] { ::raise(SIGKILL); }, "Runtime exited with error: signal: killed"});
  PlayUntilStarted([&](Player& worker) {
    worker.BecomeBusy();
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    way.leave();
  });
  Run();
  RunUntil([this] { return worker_->state() == WorkerState::kDying; });
  CHECK(attempts_.empty());
  ReapAndTell();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kCrash);
  CHECK(attempt.error.type == "Runtime.ExitError");
  CHECK(attempt.error.message == "RequestId: request-1 Error: " + way.words);
  CHECK(attempt.duration > nanoseconds(0));
}

TEST_CASE_METHOD(Fixture, "ends, and init says nothing: the attempt is told all the same", "[worker]") {
  PlayUntilStarted([](Player& worker) { worker.BecomeBusy(); });
  Run();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kCrash);
  CHECK(attempt.error.message.ends_with("Runtime exited without providing a reason"));
  worker_->OnExited({{0, 0}, {}}, 0);
  RunSomeTurns();
  CHECK(attempts_.empty());
  CHECK(idle_deaths_ == 0);
}

TEST_CASE_METHOD(Fixture, "answers and exits: the answer counts, whichever is heard of first", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.Say(EncodeLog(1, {2, "last words", ""}));
    worker.Answer("42");
  });
  Run();
  RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
  bool usable_when_told = true;
  worker_->SetOnIdleDeath([&] {
    usable_when_told = worker_->usable();
    ++idle_deaths_;
  });
  Go();
  ReapAndTell();
  CHECK(attempts_.size() == 1);
  CHECK(Ended().payload == "42");
  CHECK(idle_deaths_ == 1);
  CHECK_FALSE(usable_when_told);
  REQUIRE(logs_.lines.size() == 1);
  CHECK(logs_.lines[0].request_id == "request-1");
}

TEST_CASE_METHOD(Fixture, "what a worker says after its answer is heard too, though it has died",
                 "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.AwaitGo();
    worker.Answer("42");
    worker.Say(EncodeLog(1, {2, "and another thing", ""}));
  });
  Run();
  RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
  Go();
  ReapAndTell();
  CHECK(Ended().payload == "42");
  REQUIRE(logs_.lines.size() == 1);
  CHECK(logs_.lines[0].request_id == "");
}

// Goal: the event does not wait for its time limit because a stranger holds the dead worker's end of the
// channel.
TEST_CASE_METHOD(Fixture, "dead, but its end of the channel is open elsewhere", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.LeaveAnotherBehind();
  });
  Run();
  RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
  ReapAndTell();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kCrash);
  CHECK(attempt.duration < seconds(5));
}

TEST_CASE_METHOD(Fixture, "init takes too long: billed exactly the limit", "[worker]") {
  context_.init_limit = milliseconds(30);
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Wait();
  });
  Run();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kInitTimeout);
  CHECK(attempt.init == milliseconds(30));
  CHECK(attempt.duration == nanoseconds(0));
  CHECK(attempt.error.type == "Sandbox.Timedout");
  CHECK(attempt.error.message == "RequestId: request-1 Error: Init timed out after 0.03 seconds");
  CHECK(Reap().signal == SIGKILL);
}

TEST_CASE_METHOD(Fixture, "an event takes too long: billed exactly the limit, and never told again",
                 "[worker]") {
  version_->settings.timeout = seconds(1);
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Wait();
  });
  Run();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kTimeout);
  CHECK(attempt.duration == seconds(1));
  CHECK(attempt.error.message == "RequestId: request-1 Error: Task timed out after 1.00 seconds");
  CHECK_FALSE(worker_->usable());
  ReapAndTell();
  RunSomeTurns();
  CHECK(attempts_.empty());
  CHECK(idle_deaths_ == 0);
}

TEST_CASE_METHOD(Fixture, "never starts", "[worker]") {
  context_.start_limit = milliseconds(20);
  Play([](Player& worker) { worker.Hear(); });
  RunUntil([this] { return !started_.empty(); });
  CHECK(started_[0].error().message.find("did not start within 20 ms") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "cannot be forked: told once, whatever else happens", "[worker]") {
  Play([](Player&) {});
  worker_->OnForkFailed({ErrorCode::kUnavailable, "no memory"});
  RunSomeTurns();
  ReapAndTell();
  RunSomeTurns();
  REQUIRE(started_.size() == 1);
  CHECK(started_[0].error().message == "no memory");
  CHECK(idle_deaths_ == 0);
}

// Goal: what hearthd lacks is not the function's crash, is not billed as one, and never as the age of the
// machine.
TEST_CASE_METHOD(Fixture, "no descriptor left for a large event", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Answer("1");
    worker.Wait();
  });
  Run();
  Ended();
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit none{0, limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  Run(std::string(100'000, 'x'));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kPlatformFault);
  CHECK(attempt.duration < seconds(1));
  CHECK_FALSE(worker_->usable());
}

TEST_CASE_METHOD(Fixture, "output is told line by line, each with its request; a line without an end too",
                 "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.Started();
    worker.Hear();
    worker.Print("loading\n");
    worker.Say(EncodeEmpty(WorkerFrameKind::kReady));
    worker.HearInvoke();
    worker.Print("one\ntw");
    worker.Print("o\n\nthree");
    worker.Complain("oops");
    worker.Answer("1");
    worker.HearInvoke();
    worker.Print("four\n");
    worker.Complain("again\n");
    worker.Answer("2");
    worker.Wait();
  });
  Run();
  Ended();
  Run();
  Ended();
  CHECK(LinesOf(LogSource::kStdout) == std::vector<std::string>{"request-1|loading", "request-1|one",
                                                                "request-1|two", "request-1|",
                                                                "request-1|three", "request-2|four"});
  CHECK(LinesOf(LogSource::kStderr) == std::vector<std::string>{"request-1|oops", "request-2|again"});
}

TEST_CASE_METHOD(Fixture, "a crash's last output is its request's", "[worker]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Complain("terminate called after");
    ::_exit(134);
  });
  Run();
  RunUntil([this] { return worker_->state() == WorkerState::kDying; });
  ReapAndTell();
  Ended();
  CHECK(LinesOf(LogSource::kStderr) == std::vector<std::string>{"request-1|terminate called after"});
}

TEST_CASE_METHOD(Fixture, "killed by its memory limit", "[worker]") {
  PlayedCgroup played;
  CgroupUsage& usage = played.usage;
  usage.cpu_us = 500;
  PlayUntilStarted(
      [](Player& worker) {
        worker.BecomeBusy();
        worker.AwaitGo();
        ::raise(SIGKILL);
      },
      std::make_unique<FakeCgroup>(played));
  Run();
  RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
  usage.cpu_us = 1700;
  usage.memory_peak_bytes = 128 << 20;
  played.oom_kills = 1;
  Go();
  ReapAndTell();
  const Attempt attempt = Ended();
  CHECK(attempt.kind == OutcomeKind::kOutOfMemory);
  CHECK(attempt.error.type == "Runtime.OutOfMemory");
  CHECK(attempt.cpu_us == 1200);
  CHECK(attempt.memory_peak == 128_MiB);
  CHECK(attempt.usage_source == UsageSource::kCgroup);
}

TEST_CASE_METHOD(Fixture, "destroyed inside its own callbacks", "[worker]") {
  SECTION("of the start") {
    Play([](Player& worker) {
      worker.Started();
      worker.Wait();
    });
    worker_->SetOnStarted([this](Status started) {
      started_.push_back(std::move(started));
      worker_.reset();
    });
    RunUntil([this] { return !started_.empty(); });
  }
  SECTION("of a failed start") {
    Play([](Player&) {});
    worker_->SetOnStarted([this](Status started) {
      started_.push_back(std::move(started));
      worker_.reset();
    });
    RunUntil([this] { return !started_.empty(); });
  }
  SECTION("of an answer, with more in the channel") {
    PlayUntilStarted([](Player& worker) {
      worker.BecomeBusy();
      worker.Answer("1");
      worker.Answer("2");
      worker.Wait();
    });
    bool told = false;
    worker_->Run(event_, [&](Attempt) {
      told = true;
      worker_.reset();
    });
    RunUntil([&] { return told; });
  }
  SECTION("of an answer that is read after the exit was told") {
    PlayUntilStarted([](Player& worker) {
      worker.BecomeBusy();
      worker.AwaitGo();
      worker.Answer("1");
    });
    bool told = false;
    worker_->Run(event_, [&](Attempt) {
      told = true;
      worker_.reset();
    });
    RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
    Go();
    ReapAndTell();
    CHECK(told);
  }
  SECTION("of an idle death") {
    PlayUntilStarted([](Player& worker) { worker.Started(); });
    worker_->SetOnIdleDeath([this] {
      ++idle_deaths_;
      worker_.reset();
    });
    RunUntil([this] { return idle_deaths_ == 1; });
  }
  RunSomeTurns();
  CHECK(worker_ == nullptr);
}

TEST_CASE_METHOD(Fixture, "init ahead of events: billed with the first of them, which finds it warm",
                 "[worker][reserved]") {
  PlayUntilStarted([](Player& worker) {
    worker.BecomeBusy();
    worker.Answer("1");
    worker.HearInvoke();
    worker.Answer("2");
    worker.Wait();
  });
  std::vector<Status> prepared;
  worker_->Prepare([&](Status how) { prepared.push_back(std::move(how)); });
  CHECK_FALSE(worker_->usable());
  CHECK(prepared.empty());
  RunUntil([&] { return !prepared.empty(); });
  CHECK(prepared[0].ok());
  CHECK(worker_->usable());
  CHECK(worker_->life().why == "initialised ahead of events");
  Run();
  const Attempt first = Ended();
  CHECK(worker_->life().why == "answered");
  CHECK(first.kind == OutcomeKind::kSuccess);
  CHECK_FALSE(first.cold);
  CHECK(first.init > nanoseconds(0));
  Run();
  CHECK(Ended().init == nanoseconds(0));
}

TEST_CASE_METHOD(Fixture, "init ahead of events fails", "[worker][reserved]") {
  context_.init_limit = milliseconds(50);
  std::string why;
  SECTION("the handler says so") {
    PlayUntilStarted([](Player& worker) {
      worker.Started();
      worker.Hear();
      worker.Say(EncodeError(WorkerFrameKind::kInitFailed, 0, {"NoDatabase", "cannot connect", ""}));
      worker.Wait();
    });
    why = "NoDatabase: cannot connect";
  }
  SECTION("the process ends") {
    PlayUntilStarted([](Player& worker) {
      worker.Started();
      worker.Hear();
    });
    why = "it died";
  }
  SECTION("it takes too long") {
    PlayUntilStarted([](Player& worker) {
      worker.Started();
      worker.Hear();
      worker.Wait();
    });
    why = "did not end within 50 ms";
  }
  std::vector<Status> prepared;
  worker_->Prepare([&](Status how) { prepared.push_back(std::move(how)); });
  RunUntil([&] { return !prepared.empty(); });
  REQUIRE_FALSE(prepared[0].ok());
  CHECK_THAT(prepared[0].error().message, Catch::Contains(why));
  CHECK(worker_->life().state == WorkerState::kDying);
  CHECK_FALSE(worker_->usable());
  CHECK(idle_deaths_ == 0);
  CHECK(LinesOf(LogSource::kPlatform).size() == 1);
  RunSomeTurns();
  CHECK(prepared.size() == 1);
}

TEST_CASE_METHOD(Fixture, "dies before it has read the event: nothing of it has run", "[worker]") {
  const bool initialises = GENERATE(true, false);
  PlayUntilStarted([initialises](Player& player) {
    player.Started();
    if (initialises) player.Initialise();
    player.AwaitGo();
  });
  Run();
  if (initialises) RunUntil([this] { return worker_->state() == WorkerState::kBusy; });
  Go();
  const Attempt attempt = Ended();
  CHECK_FALSE(attempt.delivered);
  CHECK(attempt.kind == OutcomeKind::kCrash);
}

TEST_CASE_METHOD(Fixture, "dies once it has read the event: it may have run", "[worker]") {
  PlayUntilStarted([](Player& player) { player.BecomeBusy(); });
  Run();
  CHECK(Ended().delivered);
}

}  // namespace
}  // namespace hearth
