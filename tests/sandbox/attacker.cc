#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <hearth/hearth.h>

// The library that the attack suite deploys. It does what its payload says: mostly system calls, so that the
// attacks themselves stand in the suite's table (rows.py); {"calls": [["open", "/etc/shadow", 0]]} answers
// the last one's outcome, "ok" or the name of its errno. What cannot be said so is a deed: {"deed": "threads"}.
// While it is loaded, in the zygote, it does what the environment variable ON_LOAD says.

namespace {

constexpr unsigned kChannel = 3;

using hearth::Context;
using hearth::json;

std::string ErrnoName(int error) {
  const char* const name = strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}
std::string Outcome(long result) { return result >= 0 ? "ok" : ErrnoName(errno); }

// Arguments: a number, {"result": i} of an earlier call, a text (a pointer to it), {"zeros": n} (a pointer to
// so many) or {"words": [...]} (a pointer to 64-bit ones).
class Machine final {
 public:
  std::string Run(const json& calls) {
    std::string outcome = "nothing";
    for (const json& call : calls) outcome = Call(call);
    return outcome;
  }
  long last() const { return results_.empty() ? -1 : results_.back(); }

 private:
  long Argument(const json& value) {
    if (value.is_number_unsigned()) return static_cast<long>(value.get<uint64_t>());
    if (value.is_number()) return value.get<long>();
    if (value.is_string()) return Keep(value.get<std::string>() + '\0');
    if (value.contains("result")) return results_.at(value["result"].get<size_t>());
    if (value.contains("zeros")) return Keep(std::string(value["zeros"].get<size_t>(), '\0'));
    std::string words;
    for (const json& word : value.at("words")) {
      const long number = Argument(word);
      words.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    return Keep(std::move(words));
  }
  long Keep(std::string bytes) {
    kept_.push_back(std::move(bytes));
    return reinterpret_cast<long>(kept_.back().data());
  }
  std::string Call(const json& call) {
    long arguments[6] = {};
    for (size_t i = 1; i < call.size(); ++i) arguments[i - 1] = Argument(call[i]);
    errno = 0;
    const long result = syscall(call.at(0).get<long>(), arguments[0], arguments[1], arguments[2],
                                arguments[3], arguments[4], arguments[5]);
    results_.push_back(result);
    return Outcome(result);
  }

  std::deque<std::string> kept_;
  std::vector<long> results_;
};

// --- what can be run out of: how much there was, and what was said at its end ---

json Until(long most, const std::function<bool(long)>& one_more) {
  long count = 0;
  errno = 0;
  while (count < most && one_more(count)) ++count;
  return {{"count", count}, {"error", count == most ? "none" : ErrnoName(errno)}};
}

json Threads(const json& order) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  return Until(order.value("most", 5000L), [&](long) {
    pthread_t thread;
    errno = pthread_create(
        &thread, &small, [](void*) -> void* { return pause(), nullptr; }, nullptr);
    return errno == 0;
  });
}
json Files(const json& order) {
  return Until(order.value("most", 100'000L), [](long n) {
    const int fd = open(("/tmp/f" + std::to_string(n)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    return fd >= 0;
  });
}
json Descriptors(const json&) {
  return Until(100'000, [](long) { return open("/dev/null", O_RDONLY) >= 0; });
}
// In files of 8 MiB, which no limit of one file holds.
json FillTmp(const json& order) {
  const std::string block(1 << 20, 'x');
  return Until(order.value("most", 512L), [&](long n) {
    const int fd = open(("/tmp/fill" + std::to_string(n / 8)).c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
    const ssize_t written = write(fd, block.data(), block.size());
    const int error = errno;
    close(fd);
    errno = error;
    return written == static_cast<ssize_t>(block.size());
  });
}
json EatMemory(const json& order) {
  const bool shared = order.value("memfd", false);
  const int fd = shared ? memfd_create("hoard", 0) : -1;
  return Until(order.value("most", 1024L), [&](long n) {
    constexpr size_t kBlock = 1 << 20;
    if (shared && ftruncate(fd, (n + 1) * static_cast<off_t>(kBlock)) != 0) return false;
    void* const block =
        mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd,
             shared ? n * static_cast<off_t>(kBlock) : 0);
    if (block == MAP_FAILED) return false;
    std::memset(block, 1, kBlock);
    return true;
  });
}
json LockMemory(const json&) {
  void* const block = mmap(nullptr, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return Outcome(mlock(block, 8 << 20));
}

// --- what it is and has ---

json OpenDescriptors(const json&) {
  json open_ones = json::array();
  for (int fd = 0; fd < 4096; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) open_ones.push_back(fd);
  }
  return open_ones;
}
json ListFolder(const json& order) {
  DIR* const folder = opendir(order.at("path").get<std::string>().c_str());
  if (folder == nullptr) return ErrnoName(errno);
  json names = json::array();
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') names.push_back(entry->d_name);
  }
  closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}
json Environment(const json&) {
  json all = json::array();
  for (char** pair = environ; *pair != nullptr; ++pair) all.push_back(*pair);
  return all;
}
json WhoAmI(const json&) {
  utsname host{};
  uname(&host);
  return {{"pid", getpid()}, {"parent", getppid()}, {"uid", getuid()}, {"host", host.nodename}};
}
// The kernel's name for a network namespace, by a socket that is in it.
json NetworkCookie(const json&) {
  int pair[2];
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return ErrnoName(errno);
  constexpr int kNetnsCookie = 71;
  if (getsockopt(pair[0], SOL_SOCKET, kNetnsCookie, &cookie, &size) != 0) return ErrnoName(errno);
  return cookie;
}
json Capabilities(const json&) {
  unsigned header[2] = {0x20080522, 0};
  unsigned data[6] = {};
  if (syscall(SYS_capget, header, data) != 0) return ErrnoName(errno);
  return {{"effective", data[0]}, {"permitted", data[1]}};
}

// --- attacks that are no system call by name ---

json MapExecutable(const json& order) {
  const std::string path = order.value("path", "");
  const int fd = path.empty() ? memfd_create("code", 0) : open(path.c_str(), O_RDWR | O_CREAT, 0700);
  if (fd < 0 || ftruncate(fd, 4096) != 0) return ErrnoName(errno);
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  return page == MAP_FAILED ? ErrnoName(errno) : "ok";
}
#if defined(__x86_64__)
json By32BitEntry(const json&) {
  long result = 20;  // getpid of i386
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
  return result > 0 ? "ok" : ErrnoName(static_cast<int>(-result));
}
json ByX32Entry(const json&) { return Outcome(syscall(0x40000000 + SYS_getpid)); }
#endif
// Not by libc, which sees to it that the thread is a thread.
json CloneWith(const json& order) {
  const long child = syscall(SYS_clone, order.at("flags").get<unsigned long>() | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  return Outcome(child);
}
json KillNeighbours(const json&) {
  json reached = json::array();
  for (int pid = 2; pid < 4096; ++pid) {
    if (kill(pid, 0) == 0 || (errno != ESRCH && errno != EPERM)) reached.push_back({pid, errno});
  }
  return {{"all", Outcome(kill(-1, SIGKILL))}, {"reached", reached}};
}
json SpinInBackground(const json& order) {
  for (int i = 0; i < order.value("threads", 1); ++i) {
    std::thread([] {
      for (volatile uint64_t turns = 0;;) turns = turns + 1;
    }).detach();
  }
  return "spinning";
}
// Processor time of this process so far.
json CpuTime(const json&) {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}
json SpinFor(const json& order) {
  timespec begin{}, now{};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1'000'000 <
           order.at("ms").get<long>());
  return CpuTime(order);
}
json IgnoreSignalsForever(const json&) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  for (;;) pause();
}
json Print(const json& order) {
  const std::string text = order.at("text").get<std::string>();
  for (int i = 0; i < order.value("times", 1); ++i) (void)!write(1, text.data(), text.size());
  return "ok";
}
json Answer(const json& order) { return std::string(order.at("bytes").get<size_t>(), 'x'); }

// A sibling that an attack must not reach: it waits until the test makes its file, and says whether its
// memory and its /tmp are as they were.
json Hold(const json& order) {
  const std::string secret = order.at("secret").get<std::string>();
  std::vector<std::string> memory(1000, secret);
  std::ofstream("/tmp/secret") << secret;
  std::ofstream(order.at("ready").get<std::string>()) << "ready";
  for (struct stat info{}; stat(order.at("until").get<std::string>().c_str(), &info) != 0;) {
    poll(nullptr, 0, 2);
  }
  std::string kept;
  std::ifstream("/tmp/secret") >> kept;
  for (const std::string& each : memory) {
    if (each != secret) return "memory changed";
  }
  return kept == secret ? "unharmed" : "/tmp changed";
}

// A program of the package, {"seconds": n} at most, and whatever it has left behind killed: only without filters and
// Landlock, which have no exec.
json RunProgram(const json& order) {
  std::vector<std::string> words = order.at("words");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  char* const environment[] = {nullptr};
  const pid_t child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (child < 0) return ErrnoName(errno);
  if (child == 0) {
    if (chdir("/tmp") == 0) execve(arguments[0], arguments.data(), environment);
    _exit(127);
  }
  int status = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(order.at("seconds").get<int>());
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      kill(child, SIGKILL);
      break;
    }
    poll(nullptr, 0, 10);
  }
  kill(-1, SIGKILL);  // but itself
  while (wait(nullptr) > 0) {
  }
  if (WIFEXITED(status)) return {{"exit", WEXITSTATUS(status)}};
  return {{"signal", WTERMSIG(status)}};
}

const std::map<std::string, json (*)(const json&)> deeds = {
    {"run", RunProgram},
    {"threads", Threads},
    {"files", Files},
    {"descriptors", Descriptors},
    {"fill tmp", FillTmp},
    {"eat memory", EatMemory},
    {"lock memory", LockMemory},
    {"open descriptors", OpenDescriptors},
    {"list", ListFolder},
    {"environment", Environment},
    {"who", WhoAmI},
    {"network cookie", NetworkCookie},
    {"capabilities", Capabilities},
    {"map executable", MapExecutable},
#if defined(__x86_64__)
    {"int 80", By32BitEntry},
    {"x32", ByX32Entry},
#endif
    {"clone", CloneWith},
    {"kill neighbours", KillNeighbours},
    {"spin in background", SpinInBackground},
    {"cpu time", CpuTime},
    {"spin", SpinFor},
    {"ignore signals", IgnoreSignalsForever},
    {"print", Print},
    {"answer", Answer},
    {"hold", Hold},
    {"exit", [](const json& order) -> json { _exit(order.at("code").get<int>()); }},
    {"abort", [](const json&) -> json { abort(); }},
};

std::string Obey(const json& order) {
  if (order.contains("calls")) return json(Machine().Run(order["calls"])).dump();
  const auto deed = deeds.find(order.value("deed", ""));
  return deed == deeds.end() ? "\"no such deed\"" : deed->second(order).dump();
}

// The outcome of what the zygote tries is its exit code, which the refusal of the deployment tells: 100 and
// the errno of the last call, 100 when it worked. {"then": "stay"}: and the library is loaded.
struct OnLoad {
  OnLoad() {
    const char* const text = std::getenv("ON_LOAD");
    if (text == nullptr) return;
    const json order = json::parse(text);
    Machine machine;
    (void)machine.Run(order.at("calls"));
    const int error = machine.last() < 0 ? errno : 0;
    if (order.value("then", "") != "stay") _exit(100 + error);
  }
} on_load;

std::string Handle(std::string_view payload, Context&) {
  prctl(PR_SET_NAME, "attacker");
  const json order = json::parse(payload, nullptr, /*allow_exceptions=*/false);
  std::string answer = order.is_object() ? Obey(order) : std::string("\"at your service\"");
  close_range(kChannel + 1, ~0U, 0);  // what the attempts have opened
  return answer;
}

}  // namespace

HEARTH_HANDLER(Handle);
