#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <hearth/hearth.h>

// A library that attacks its host: as a handler what its payload orders ({"do": "frame", ...}), and while it
// is loaded what the environment variable CTOR names.

namespace {

using hearth::Context;
using hearth::json;

constexpr int kChannel = 3;  // a worker's to hearthd; while the library is loaded, the zygote's to its init
constexpr uint16_t kCall = 11, kResponse = 6, kFailure = 7, kLog = 8;

std::string ErrnoOr(long result) { return result >= 0 ? "ok" : std::strerror(errno); }

// --- frames, forged ---

template <class T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void PutString(std::string& out, const std::string& text) {
  Put(out, static_cast<uint32_t>(text.size()));
  out += text;
}
std::string Header(uint16_t kind, uint64_t sequence, uint32_t flags = 0, uint16_t version = 1) {
  std::string out;
  Put(out, version);
  Put(out, kind);
  Put(out, flags);
  Put(out, sequence);
  return out;
}

long Send(const std::string& bytes, const std::vector<int>& fds = {}) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  std::array<char, CMSG_SPACE(sizeof(int) * 250)> control{};
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(head), fds.data(), sizeof(int) * fds.size());
  }
  return sendmsg(kChannel, &message, MSG_NOSIGNAL);
}

std::string Response(uint64_t sequence, const std::string& payload) {
  std::string out = Header(kResponse, sequence);
  PutString(out, "application/json");
  PutString(out, payload);
  return out;
}
// Of a function that takes its time: what comes next comes before its answer.
std::string Call(uint64_t sequence, uint8_t type = 0) {
  std::string out = Header(kCall, sequence);
  Put(out, type);
  Put(out, uint64_t{0});
  for (const char* text : {"neighbour", "", "", "{\"do\":\"sleep\",\"ms\":1000}"}) PutString(out, text);
  return out;
}
std::string ResponseInMemfd(uint64_t sequence) {
  std::string out = Header(kResponse, sequence, 1);
  PutString(out, "application/json");
  return out;
}

int Memfd(off_t size, int seals) {
  const int fd = memfd_create("body", MFD_ALLOW_SEALING);
  if (ftruncate(fd, size) != 0 || (seals != 0 && fcntl(fd, F_ADD_SEALS, seals) != 0)) return -1;
  return fd;
}

std::string Nested(size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

uint64_t invocations = 0;  // of this worker: each has the next sequence

// The frame that the order names; `sequence` is the invocation's own, unless "off" moves it.
std::string Forge(const json& order) {
  constexpr int kAllSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  const uint64_t sequence = invocations + order.value("off", int64_t{0});
  const std::string what = order.at("frame").get<std::string>();
  const int times = order.value("times", 1);
  const std::vector<int> many(order.value("fds", 0), 1);
  for (int i = 0; i < times; ++i) {
    if (what == "response") Send(Response(sequence, "\"forged\""), many);
    if (what == "call") Send(Call(sequence, order.value("type", uint8_t{0})));
    if (what == "call in pieces") Send(Call(sequence).substr(0, 30));
    if (what == "reply") Send(Header(12, sequence));
    if (what == "started") Send(Header(1, 0) + std::string(4, '\0'));
    if (what == "ready") Send(Header(3, 0));
    if (what == "kind") Send(Header(999, sequence));
    if (what == "version") Send(Header(kResponse, sequence, 0, 77));
    if (what == "empty") Send("");
    if (what == "garbage") Send(std::string(5000, '\xee'));
    if (what == "oversize") Send(Header(kResponse, sequence) + std::string(150'000, 'x'));
    if (what == "lying") Send(Header(kResponse, sequence) + std::string("\xff\xff\xff\xff", 4));
    if (what == "unsealed") Send(ResponseInMemfd(sequence), {Memfd(100, 0)});
    if (what == "half sealed") Send(ResponseInMemfd(sequence), {Memfd(100, F_SEAL_SHRINK | F_SEAL_WRITE)});
    if (what == "large") Send(ResponseInMemfd(sequence), {Memfd(off_t{16} << 20, kAllSeals)});
    if (what == "no memfd") Send(ResponseInMemfd(sequence));
    if (what == "device") Send(ResponseInMemfd(sequence), {open("/dev/zero", O_RDONLY)});
    if (what == "deep log") {
      std::string log = Header(kLog, sequence) + '\2';
      PutString(log, "deep");
      PutString(log, "{\"a\":" + Nested(30'000) + "}");
      Send(log);
    }
    if (what == "deep stack") {
      std::string failure = Header(kFailure, sequence);
      PutString(failure, "Deep");
      PutString(failure, "deep");
      PutString(failure, Nested(30'000));
      Send(failure);
    }
  }
  if (order.value("then", "") == "hang") {
    for (;;) pause();
  }
  return "\"genuine\"";
}

// --- whatever can be run out of ---

std::string OpenUntilRefused() {
  int count = 0;
  while (open("/dev/null", O_RDONLY) >= 0) ++count;
  return json({{"open", count}, {"error", std::strerror(errno)}}).dump();
}
std::string MakeFilesUntilRefused() {
  long count = 0;
  for (; count < 10'000'000; ++count) {
    const int fd = open(("/tmp/" + std::to_string(count)).c_str(), O_CREAT | O_WRONLY, 0600);
    if (fd < 0) break;
    close(fd);
  }
  return json({{"files", count}, {"error", std::strerror(errno)}}).dump();
}
int StartThreadsUntilRefused() {
  int count = 0;
  for (pthread_t thread; count < 100'000; ++count) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    const auto sleep_on = [](void*) -> void* {
      for (;;) pause();
    };
    if (pthread_create(&thread, &small, sleep_on, nullptr) != 0) break;
  }
  return count;
}
[[noreturn]] void EatMemory() {
  for (std::vector<std::unique_ptr<char[]>> hoard;;) {
    hoard.push_back(std::make_unique_for_overwrite<char[]>(1u << 20));
    std::memset(hoard.back().get(), 1, 1u << 20);
  }
}
[[noreturn]] void Spin() {
  for (volatile uint64_t turns = 0;;) turns = turns + 1;
}
// Threads of a worker that has answered; started once.
std::string SpinInTheBackground() {
  static bool once = [] {
    std::thread(&Spin).detach();
    return true;
  }();
  return once ? "\"spinning\"" : "";
}
// The answer is out, the work goes on: of this worker's next events, as far as it is let.
std::string AnswerEarlyAndWorkOn() {
  Send(Response(invocations, "\"early\""));
  Spin();
}
// Time as its own process sees it is not asked when it is billed; it may not turn the machine's either.
std::string TurnClocks() {
  json answers = json::object();
  timespec later{};
  clock_gettime(CLOCK_REALTIME, &later);
  later.tv_sec += 365 * 86'400;
  const timeval also{later.tv_sec, 0};
  timex adjustment{};
  adjustment.modes = ADJ_OFFSET;
  adjustment.offset = 400'000;
  answers["clock_settime"] = ErrnoOr(syscall(SYS_clock_settime, CLOCK_REALTIME, &later));
  answers["clock_settime monotonic"] = ErrnoOr(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &later));
  answers["settimeofday"] = ErrnoOr(syscall(SYS_settimeofday, &also, nullptr));
  answers["adjtimex"] = ErrnoOr(syscall(SYS_adjtimex, &adjustment));
  answers["unshare"] = ErrnoOr(syscall(SYS_unshare, CLONE_NEWTIME));
  return answers.dump();
}
std::string SleepThenForge(const json& order) {
  std::this_thread::sleep_for(std::chrono::milliseconds(order.value("ms", 0)));
  return Forge(order);
}
std::string OutliveTheLimit() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
  for (int i = 0; i < 4; ++i) std::thread(&Spin).detach();
  Spin();
}

// --- looking round ---

std::string Descriptors() {
  json open_ones = json::array();
  for (int fd = 0; fd < 4096; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) open_ones.push_back(fd);
  }
  return open_ones.dump();
}

std::string Try(const json& order) {
  const std::string call = order.at("call").get<std::string>();
  const std::string path = order.value("path", ""), to = order.value("to", "");
  long result = -1;
  errno = EINVAL;
  if (call == "open") result = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (call == "write") result = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (call == "symlink") result = symlink(path.c_str(), to.c_str());
  if (call == "link") result = link(path.c_str(), to.c_str());
  if (call == "rename") result = rename(path.c_str(), to.c_str());
  if (call == "chmod") result = chmod(path.c_str(), order.value("mode", 0755u));
  if (call == "chmod2") result = syscall(452, AT_FDCWD, path.c_str(), order.value("mode", 0755u), 0);
  if (call == "chown") result = chown(path.c_str(), 0, 0);
  if (call == "mknod") result = mknod(path.c_str(), S_IFCHR | 0666, 0x0101);
  if (call == "fifo") result = mkfifo(path.c_str(), 0666);
  if (call == "whiteout") result = syscall(SYS_renameat2, AT_FDCWD, path.c_str(), AT_FDCWD, to.c_str(), 4);
  if (call == "setxattr") result = syscall(SYS_setxattr, path.c_str(), "user.a", "b", 1, 0);
  if (call == "list") {
    json names = json::array();
    DIR* folder = opendir(path.c_str());
    while (const dirent* entry = folder != nullptr ? readdir(folder) : nullptr)
      names.push_back(entry->d_name);
    if (folder != nullptr) return names.dump();
  }
  return json(ErrnoOr(result)).dump();
}

std::string Obey(const json& order, Context& context) {
  const std::string deed = order.value("do", "");
  if (deed == "frame") return Forge(order);
  if (deed == "try") return Try(order);
  if (deed == "descriptors") return Descriptors();
  if (deed == "open files") return OpenUntilRefused();
  if (deed == "files") return MakeFilesUntilRefused();
  if (deed == "threads") return std::to_string(StartThreadsUntilRefused());
  if (deed == "memory") EatMemory();
  if (deed == "outlive") return OutliveTheLimit();
  if (deed == "background") return SpinInTheBackground();
  if (deed == "early") return AnswerEarlyAndWorkOn();
  if (deed == "clocks") return TurnClocks();
  if (deed == "sleep, forge") return SleepThenForge(order);
  if (deed == "raw")
    return order.value("before", "") + Nested(order.value("levels", 0)) + order.value("after", "");
  if (deed == "deep") {
    const size_t levels = order.value("levels", 1000);
    return "{\"statusCode\":200,\"" + order.value("member", "headers") + "\":" + Nested(levels) + "}";
  }
  if (deed == "say") {
    std::fputs(order.at("text").get<std::string>().c_str(), stdout);
    context.log(hearth::LogLevel::kInfo, order.at("text").get<std::string>());
    return "null";
  }
  return "\"at your service\"";
}

// --- while it is loaded: in the zygote, before there is any worker ---

__attribute__((constructor)) void AttackTheZygote() {
  const char* const name = std::getenv("CTOR");
  const std::string deed = name != nullptr ? name : "";
  if (deed == "spin") Spin();
  if (deed == "sleep") {
    for (;;) pause();
  }
  if (deed == "exit") _exit(0);
  if (deed == "segfault") *static_cast<volatile int*>(nullptr) = 1;
  if (deed == "abort") std::abort();
  if (deed == "throw") throw 42;
  if (deed == "memory") EatMemory();
  if (deed == "threads") StartThreadsUntilRefused();
  if (deed == "ptrace") syscall(SYS_ptrace, 16, 1, 0, 0);
  if (deed == "killall") kill(-1, SIGKILL);
  if (deed == "kill init") kill(1, SIGKILL);
  if (deed == "close channel") close(kChannel);
  if (deed == "garbage") {
    for (int i = 0; i < 50; ++i) Send(std::string(3000, '\xee'), {1, 1, 1, 1});
    Spin();
  }
  // "Loaded", and then nothing any more.
  if (deed == "claim to be loaded") {
    Send("\x41");
    for (;;) pause();
  }
  // A failure of its own wording, with what a terminal would obey.
  if (deed == "claim to have failed") {
    std::string failure = "\x42";
    PutString(failure, "load\n\x1b[2Jlibrary");
    Put(failure, int32_t{0});
    PutString(failure, "all is well\r\n\x1b]0;owned\a");
    failure += '\1';
    Send(failure);
    for (;;) pause();
  }
  // As long as a packet may be: whoever passes it on with a word of its own is past the limit.
  if (deed == "fail at length") {
    constexpr size_t kPacketMax = 72 * 1024;
    std::string failure = "\x42";
    PutString(failure, "load library");
    Put(failure, int32_t{0});
    PutString(failure, std::string(kPacketMax - failure.size() - 5, 'x'));
    failure += '\1';
    Send(failure);
    for (;;) pause();
  }
  if (deed == "stage at length") {
    std::string stage = "\x40";
    PutString(stage, std::string(72 * 1024 - 5, 'x'));
    Send(stage);
    _exit(1);
  }
  // Children in the one way that the zygote's filter knows; each ends up with init as its parent.
  if (deed == "fork bomb") {
    constexpr unsigned long kFlags =
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_PARENT | SIGCHLD;
    for (int i = 0; i < 20'000; ++i) syscall(SYS_clone, kFlags, nullptr, nullptr, nullptr, nullptr);
    Spin();
  }
}

std::string Handle(std::string_view payload, Context& context) {
  ++invocations;
  const json order = json::parse(payload, nullptr, /*allow_exceptions=*/false);
  const char* const always = std::getenv("ALWAYS");
  if (always != nullptr) return Obey(json::parse(always), context);
  return Obey(order.is_object() ? order : json::object(), context);
}

}  // namespace

HEARTH_HANDLER(Handle);
