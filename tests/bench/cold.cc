#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/process.h"
#include "runtime/wire/launcher_frames.h"
#include "runtime/wire/worker_frames.h"
#include "runtime/worker/setup_frames.h"
#include "sandbox/cgroup.h"
#include "sandbox/namespaces.h"
#include "sandbox/seccomp_filter.h"

// What a start costs, from the launcher's door on, as hearthd stands there: driven by tests/bench/cold.py.
//
//   bench_cold starts LIBEXEC CODE LIBRARY ROUNDS PAUSE_MS [NAME<us>EVERY<us>WORD...]...
//   bench_cold workers LIBEXEC[,LIBEXEC...] CODE LIBRARY ROUNDS PAUSE_MS    workers alone, of several builds in turn
//   bench_cold strict LIBEXEC CODE LIBRARY ROUNDS PAUSE_MS     strict workers alone, from blank sandboxes
//   bench_cold many LIBEXEC CODE LIBRARY FUNCTIONS WORKERS

namespace hearth {
namespace {

using Samples = std::map<std::string, std::vector<double>>;

constexpr int kPatienceMs = 20'000;
constexpr uint32_t kFirstUid = 165'000;
constexpr uint64_t kMemory = 128u << 20;
const SystemClock kClock;

double MicrosecondsSince(MonotonicTime begin) {
  return std::chrono::duration<double, std::micro>(kClock.Now() - begin).count();
}

[[noreturn]] void GiveUp(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

Packet Next(int fd, const char* whose) {
  pollfd waiting{fd, POLLIN, 0};
  if (poll(&waiting, 1, kPatienceMs) <= 0) GiveUp(std::string(whose) + " said nothing");
  auto received = ReceivePacket(fd, FdPolicy::kAccept);
  if (!received.ok() || received->kind != ReceivedPacket::Kind::kPacket)
    GiveUp(std::string(whose) + " ended");
  return std::move(received->packet);
}

void Send(int fd, const std::string& packet, std::span<const int> fds = {}) {
  if (!SendPacket(fd, packet, fds).ok()) GiveUp("a packet could not be sent");
}

struct Worker {
  UniqueFd channel;
  std::unique_ptr<Cgroup> cgroup;
  pid_t pid = 0;
  double start_us = 0;
};

class Bench final {
 public:
  Bench(std::string libexec, std::string code, std::string library)
      : libexec_(std::move(libexec)), code_(std::move(code)), library_(std::move(library)) {
    PacketSocketPair control = MakePacketSocketPair().value();
    SpawnOptions options;
    options.executable = libexec_ + "/hearth-launcher";
    options.inherited_fd = control.theirs.get();
    launcher_ = Spawn(options).value();
    control_ = std::move(control.ours);
    control.theirs.Reset();
    (void)Next(control_.get(), "the launcher");
  }

  // A sandbox with its zygote; its channel.
  UniqueFd MakeSandbox(uint64_t id, uint64_t memory = kMemory) {
    const MakeSandboxFrame frame = FrameOf(id, memory);
    zygotes_[id] = MakeCgroup(memory);
    Send(control_.get(), Encode(frame), zygotes_[id]->tasks_fds());
    Packet made = FromLauncher({LauncherFrameKind::kSandboxReady, LauncherFrameKind::kSandboxFailed});
    if (const auto failed = DecodeSandboxFailed(made.bytes))
      GiveUp("no sandbox: " + failed->failure.stage + ": " + failed->failure.detail);
    return std::move(made.fds.at(0));
  }
  void KillSandbox(uint64_t id) {
    Send(control_.get(), Encode(LauncherFrameKind::kKillSandbox, SandboxIdFrame{id}));
    (void)FromLauncher({LauncherFrameKind::kSandboxGone});
    zygotes_.erase(id);
  }

  // So many, ready.
  void KeepBlanks(uint32_t count) {
    Send(control_.get(), Encode(LauncherFrameKind::kKeepBlanks, BlanksFrame{count, {}}));
    AwaitBlanks(count);
  }
  void AwaitBlanks(uint32_t count) {
    while (blanks_ != count) (void)FromLauncher({LauncherFrameKind::kBlanks});
  }

  // With the sandbox, that shares nothing with any other. `ready`: init's channel, once it is told.
  Worker StartStrictWorker(uint64_t id, UniqueFd& init, uint64_t memory = kMemory) {
    Worker worker;
    const MonotonicTime begin = kClock.Now();
    worker.cgroup = MakeCgroup(memory);
    PacketSocketPair channel = MakePacketSocketPair().value();
    std::vector<int> fds{channel.theirs.get(), null_.get(), null_.get()};
    for (const int fd : worker.cgroup->tasks_fds()) fds.push_back(fd);
    MakeSandboxFrame frame = FrameOf(id, memory);
    frame.own_worker = ++workers_;
    Send(control_.get(), Encode(frame), fds);
    channel.theirs.Reset();
    worker.channel = std::move(channel.ours);
    worker.pid = Next(worker.channel.get(), "a worker").sender;
    worker.start_us = MicrosecondsSince(begin);
    Packet made = FromLauncher({LauncherFrameKind::kSandboxReady, LauncherFrameKind::kSandboxFailed});
    if (const auto failed = DecodeSandboxFailed(made.bytes))
      GiveUp("no sandbox: " + failed->failure.stage + ": " + failed->failure.detail);
    init = std::move(made.fds.at(0));
    return worker;
  }

  MakeSandboxFrame FrameOf(uint64_t id, uint64_t memory) const {
    MakeSandboxFrame frame;
    frame.sandbox_id = id;
    frame.name = "bench";
    frame.code_folder = code_;
    frame.library = library_;
    frame.symbol = "hearth_function";
    frame.function_name = "bench";
    frame.function_version = "1";
    frame.memory_bytes = memory;
    frame.tmp_bytes = 16u << 20;
    frame.host_uid = kFirstUid + static_cast<uint32_t>(id % 1000);
    frame.has_memory_cgroup = cgroups_->limits_memory() ? 1 : 0;
    return frame;
  }

  // All that hearthd does between asking and being told: a group, a channel, pipes, the fork, Started.
  Worker StartWorker(int init, uint64_t memory = kMemory) {
    Worker worker;
    const MonotonicTime begin = kClock.Now();
    worker.cgroup = MakeCgroup(memory);
    PacketSocketPair channel = MakePacketSocketPair().value();
    std::vector<int> fds{channel.theirs.get(), null_.get(), null_.get()};
    for (const int fd : worker.cgroup->tasks_fds()) fds.push_back(fd);
    Send(init, Encode(ForkWorkerFrame{++workers_}), fds);
    channel.theirs.Reset();
    worker.channel = std::move(channel.ours);
    worker.pid = Next(worker.channel.get(), "a worker").sender;
    worker.start_us = MicrosecondsSince(begin);
    (void)Next(init, "init");  // WorkerForked
    return worker;
  }
  void End(Worker worker, int init) {
    worker.channel.Reset();
    (void)Next(init, "init");  // WorkerExited
  }

  static std::string Invoke(const Worker& worker) {
    std::string packet;
    (void)EncodeInvoke(1, InvokeFrame{}, "{}", packet);
    Send(worker.channel.get(), packet);
    return Next(worker.channel.get(), "a worker").bytes;
  }
  static void Init(const Worker& worker) {
    Send(worker.channel.get(), EncodeEmpty(WorkerFrameKind::kInit));
    (void)Next(worker.channel.get(), "a worker");
  }

  // Somebody else's sandbox around the same executable, until that has loaded the same library.
  double StartElsewhere(std::vector<std::string> words, uint64_t round) {
    for (std::string& word : words) {
      if (const size_t at = word.find("{id}"); at != std::string::npos)
        word.replace(at, 4, std::to_string(getpid()) + "-" + std::to_string(round));
    }
    ZygoteConfigFrame config;
    config.seccomp_zygote = zygote_filter_;
    config.library = library_;
    config.symbol = "hearth_function";
    PacketSocketPair channel = MakePacketSocketPair().value();
    SpawnOptions options;
    options.executable = words.front();
    options.arguments.assign(words.begin() + 1, words.end());
    options.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    options.inherited_fd = channel.theirs.get();
    const MonotonicTime begin = kClock.Now();
    ChildProcess child = Spawn(options).value();
    channel.theirs.Reset();
    Send(channel.ours.get(), Encode(config));
    for (;;) {
      const auto kind = SetupKindOf(Next(channel.ours.get(), words.front().c_str()).bytes);
      if (kind == SetupFrameKind::kLoaded) break;
      if (kind == SetupFrameKind::kFailed) GiveUp(words.front() + ": the worker did not load");
    }
    const double took = MicrosecondsSince(begin);
    channel.ours.Reset();
    (void)child.Wait();
    return took;
  }

 private:
  std::unique_ptr<Cgroup> MakeCgroup(uint64_t memory) {
    return cgroups_->Create({.memory_bytes = memory, .pids_max = 64, .cpus = 1}).value();
  }

  // The next of these kinds; how many blanks there are is told at any time.
  Packet FromLauncher(std::initializer_list<LauncherFrameKind> kinds) {
    for (;;) {
      Packet packet = Next(control_.get(), "the launcher");
      const auto kind = KindOf(packet.bytes);
      if (const auto blanks = DecodeBlanks(packet.bytes)) {
        if (!blanks->problem.empty()) GiveUp("no blank sandbox: " + blanks->problem);
        blanks_ = blanks->count;
      }
      if (kind && std::find(kinds.begin(), kinds.end(), *kind) != kinds.end()) return packet;
    }
  }

  const std::string libexec_, code_, library_;
  const std::unique_ptr<CgroupBackend> cgroups_ = DiscoverCgroups().backend;
  const std::string zygote_filter_ = CompileSeccomp(ZygotePolicy(), Killing::kByListener).value();
  const UniqueFd null_{open("/dev/null", O_WRONLY | O_CLOEXEC)};
  UniqueFd control_;
  ChildProcess launcher_;
  std::map<uint64_t, std::unique_ptr<Cgroup>> zygotes_;
  uint64_t workers_ = 0;
  uint32_t blanks_ = 0;
};

struct Other {
  std::string name;
  uint64_t every = 1;
  std::vector<std::string> words;
};

Other OtherOf(const std::string& text) {
  std::istringstream in(text);
  Other other;
  std::string every;
  std::getline(in, other.name, '\x1f');
  std::getline(in, every, '\x1f');
  other.every = std::stoull(every);
  for (std::string word; std::getline(in, word, '\x1f');) other.words.push_back(word);
  return other;
}

void Pause(int ms) {
  if (ms > 0) poll(nullptr, 0, ms);
}

Samples Starts(Bench& bench, uint64_t rounds, int pause_ms, const std::vector<Other>& others) {
  Samples samples;
  const UniqueFd init = bench.MakeSandbox(1);
  for (uint64_t round = 0; round < rounds; ++round) {
    Pause(pause_ms);
    Worker worker = bench.StartWorker(init.get());
    samples["a ready worker"].push_back(worker.start_us);
    // As a spare: initialised when its function was hot, frozen since.
    (void)worker.cgroup->Freeze(Frozen::kYes);
    Pause(pause_ms);
    const MonotonicTime asked = kClock.Now();
    (void)worker.cgroup->Freeze(Frozen::kNo);
    Bench::Init(worker);
    (void)Bench::Invoke(worker);
    samples["a spare's first answer"].push_back(MicrosecondsSince(asked));
    bench.End(std::move(worker), init.get());
    if (round % 10 == 0) {
      Pause(pause_ms);
      const MonotonicTime begin = kClock.Now();
      const UniqueFd own = bench.MakeSandbox(2 + round);
      Worker first = bench.StartWorker(own.get());
      samples["first ever start"].push_back(MicrosecondsSince(begin));
      bench.End(std::move(first), own.get());
      bench.KillSandbox(2 + round);
    }
    if (round % 2 == 0) {
      uint64_t id = 100'000 + 2 * round;
      for (const auto& [name, blanks] :
           {std::pair("a strict worker", 1), std::pair("one without a blank", 0)}) {
        bench.KeepBlanks(static_cast<uint32_t>(blanks));
        Pause(pause_ms);
        UniqueFd own;
        Worker strict = bench.StartStrictWorker(++id, own);
        samples[name].push_back(strict.start_us);
        bench.End(std::move(strict), own.get());
        bench.KillSandbox(id);
      }
    }
    for (const Other& other : others) {
      if (round % other.every != 0) continue;
      Pause(pause_ms);
      samples[other.name].push_back(bench.StartElsewhere(other.words, round));
    }
  }
  return samples;
}

// Of each build one, in turn: what the machine does meanwhile, it does to all of them.
Samples Workers(const std::string& builds, const std::string& code, const std::string& library,
                uint64_t rounds, int pause_ms) {
  struct Build {
    std::string folder;
    std::unique_ptr<Bench> bench;
    UniqueFd init;
  };
  std::vector<Build> all;
  std::istringstream in(builds);
  for (std::string folder; std::getline(in, folder, ',');) {
    auto bench = std::make_unique<Bench>(folder, code, library);
    UniqueFd init = bench->MakeSandbox(1);
    all.push_back({folder, std::move(bench), std::move(init)});
  }
  Samples samples;
  for (uint64_t round = 0; round < rounds; ++round) {
    for (Build& build : all) {
      Pause(pause_ms);
      Worker worker = build.bench->StartWorker(build.init.get());
      samples[build.folder].push_back(worker.start_us);
      build.bench->End(std::move(worker), build.init.get());
    }
  }
  return samples;
}

Samples Strict(Bench& bench, uint64_t rounds, int pause_ms) {
  Samples samples;
  for (uint64_t round = 0; round < rounds; ++round) {
    bench.KeepBlanks(1);
    Pause(pause_ms);
    UniqueFd init;
    Worker worker = bench.StartStrictWorker(1 + round, init);
    samples["a strict worker"].push_back(worker.start_us);
    bench.End(std::move(worker), init.get());
    bench.KillSandbox(1 + round);
    bench.KeepBlanks(0);
  }
  return samples;
}

double KiB(pid_t pid, const char* name) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name)) return std::stod(line.substr(line.find(':') + 1));
  }
  return 0;
}

// All alive at once, initialised, idle.
Samples Many(Bench& bench, uint64_t functions, uint64_t workers) {
  constexpr uint64_t kSmall = 16u << 20;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  std::vector<UniqueFd> inits;
  std::vector<Worker> alive;
  const MonotonicTime begin = kClock.Now();
  for (uint64_t function = 0; function < functions; ++function) {
    inits.push_back(bench.MakeSandbox(1 + function, kSmall));
    for (uint64_t i = 0; i < workers; ++i) {
      alive.push_back(bench.StartWorker(inits.back().get(), kSmall));
      Bench::Init(alive.back());
    }
  }
  Samples samples;
  samples["seconds to start all"].push_back(MicrosecondsSince(begin) / 1e6);
  for (const Worker& worker : alive) {
    samples["Private_Dirty KiB"].push_back(KiB(worker.pid, "Private_Dirty"));
    const auto usage = worker.cgroup->Usage();
    samples["memory of its cgroup KiB"].push_back(
        usage.ok() ? static_cast<double>(usage->memory_peak_bytes) / 1024 : 0);
  }
  uint64_t fds = 0;
  for (int fd = 0; fd < static_cast<int>(files.rlim_max); ++fd) fds += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  samples["descriptors a worker"].push_back(static_cast<double>(fds) / static_cast<double>(alive.size()));
  return samples;
}

void Print(const Samples& samples) {
  const char* comma = "";
  std::printf("{");
  for (const auto& [name, values] : samples) {
    std::printf("%s\"%s\": [", std::exchange(comma, ", "), name.c_str());
    for (size_t i = 0; i < values.size(); ++i) std::printf("%s%.1f", i == 0 ? "" : ", ", values[i]);
    std::printf("]");
  }
  std::printf("}\n");
}

}  // namespace
}  // namespace hearth

int main(int count, char** words) {
  using namespace hearth;
  const std::vector<std::string> arguments(words + 1, words + count);
  if (arguments.size() < 6) return 2;
  signal(SIGPIPE, SIG_IGN);
  const uint64_t first = std::stoull(arguments[4]), second = std::stoull(arguments[5]);
  if (arguments[0] == "workers") {
    Print(Workers(arguments[1], arguments[2], arguments[3], first, static_cast<int>(second)));
    return 0;
  }
  Bench bench(arguments[1], arguments[2], arguments[3]);
  if (arguments[0] == "many") {
    Print(Many(bench, first, second));
    return 0;
  }
  if (arguments[0] == "strict") {
    Print(Strict(bench, first, static_cast<int>(second)));
    return 0;
  }
  std::vector<Other> others;
  for (size_t i = 6; i < arguments.size(); ++i) others.push_back(OtherOf(arguments[i]));
  Print(Starts(bench, first, static_cast<int>(second), others));
  return 0;
}
