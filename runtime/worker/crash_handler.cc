#include "runtime/worker/crash_handler.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/wire/worker_frames.h"
#include "runtime/worker/elf_symbols.h"
#include "runtime/worker/worker_process.h"

namespace hearth {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr size_t kStackBytes = 256 * 1024;  // mapped, and touched only by a crash
constexpr int kFramesMax = 32;
constexpr long kNamesWithinNs = 50'000'000;  // for the names of C++

enum class Names { kNone, kOfTheLinker, kToRead };

struct CrashContext {
  int signal = 0;
  int code = 0;
  uintptr_t address = 0;
  uintptr_t frames[kFramesMax] = {};
  int frame_count = 0;
  uintptr_t fault_at = 0;  // the instruction
};

// A frame kCrash in a buffer of the crashed thread's signal stack.
class Report final {
 public:
  explicit Report(const CrashContext& context) {
    const CrashFrameHead head{.version = kWireVersion,
                              .kind = static_cast<uint16_t>(WorkerFrameKind::kCrash),
                              .flags = 0,
                              .sequence = 0,
                              .signal = context.signal,
                              .code = context.code,
                              .address = context.address,
                              .text_bytes = 0};
    std::memcpy(bytes_, &head, sizeof head);
  }
  [[gnu::format(printf, 2, 3)]] void Add(const char* format, ...) {
    std::va_list arguments;
    va_start(arguments, format);
    const int size = std::vsnprintf(text() + used_, room(), format, arguments);
    va_end(arguments);
    if (size > 0) used_ += static_cast<size_t>(size) < room() ? static_cast<size_t>(size) : room() - 1;
  }
  void Send() {
    const uint32_t size = static_cast<uint32_t>(used_);
    std::memcpy(bytes_ + offsetof(CrashFrameHead, text_bytes), &size, sizeof size);
    (void)send(kWorkerChannel, bytes_, sizeof(CrashFrameHead) + used_, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

 private:
  char* text() { return bytes_ + sizeof(CrashFrameHead); }
  size_t room() const { return kCrashTextBytesMax - used_; }

  char bytes_[sizeof(CrashFrameHead) + kCrashTextBytesMax];
  size_t used_ = 0;
};

// A file that a loaded object came from. Stays mapped: this process ends soon.
std::span<const std::byte> MapFile(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0 || info.st_size <= 0) return {};
  const auto size = static_cast<size_t>(info.st_size);
  void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (bytes == MAP_FAILED) return {};
  return {static_cast<const std::byte*>(bytes), size};
}

// The file of the frame before is mostly the next one's, too: mapped anew, all its pages would be touched anew.
struct LastFile {
  const link_map* object = nullptr;
  std::span<const std::byte> bytes;

  std::span<const std::byte> Of(const link_map* map) {
    if (map != object) bytes = MapFile(map->l_name);
    object = map;
    return bytes;
  }
};

const char* LastPart(const char* path) {
  const char* const slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

void AddName(Report& report, NamedPlace place, Names names) {
  if (place.name.empty()) return;
  char mangled[4097];
  std::snprintf(mangled, sizeof mangled, "%.*s", static_cast<int>(place.name.size()), place.name.data());
  int status = -1;
  const char* const readable =
      names == Names::kToRead ? abi::__cxa_demangle(mangled, nullptr, nullptr, &status) : nullptr;
  report.Add(" %.300s+0x%lx", readable != nullptr ? readable : mangled, place.offset);
}

void AddFrame(Report& report, const CrashContext& context, int index, Names names, LastFile& last) {
  // A return address is behind the call, maybe in the next function already.
  const uintptr_t place = context.frames[index];
  const uintptr_t asked = place == context.fault_at ? place : place - 1;
  report.Add("#%d 0x%lx", index, place);
  dl_find_object object{};
  if (_dl_find_object(reinterpret_cast<void*>(asked), &object) == 0) {
    const char* const path = object.dlfo_link_map->l_name;
    const uint64_t offset = asked - object.dlfo_link_map->l_addr;
    const bool executable = path == nullptr || *path == '\0';
    const auto file =
        executable || names == Names::kNone ? std::span<const std::byte>() : last.Of(object.dlfo_link_map);
    if (!file.empty()) AddName(report, FindFunction(file, offset), names);
    report.Add(" (%.200s+0x%lx", executable ? "hearth-worker" : LastPart(path), offset);
    const auto id = FindBuildId(file);
    if (!id.empty()) report.Add(", build id ");
    for (const std::byte byte : id) report.Add("%02x", std::to_integer<unsigned>(byte));
    report.Add(")");
  }
  report.Add("\n");
}

void Tell(const CrashContext& context, Names names) {
  Report report(context);
  LastFile last;
  for (int i = 0; i < context.frame_count; ++i) AddFrame(report, context, i, names, last);
  report.Send();
}

// From the faulting instruction on; what is before it are the frames of this handler.
_Unwind_Reason_Code TakeFrame(_Unwind_Context* unwind, void* opaque) {
  auto& context = *static_cast<CrashContext*>(opaque);
  const uintptr_t place = _Unwind_GetIP(unwind);
  if (place == 0) return _URC_END_OF_STACK;
  if (context.frame_count == 0 && place != context.fault_at) return _URC_NO_REASON;
  context.frames[context.frame_count++] = place;
  return context.frame_count == kFramesMax ? _URC_END_OF_STACK : _URC_NO_REASON;
}

uintptr_t InstructionOf(const ucontext_t& machine) {
#if defined(__x86_64__)
  return static_cast<uintptr_t>(machine.uc_mcontext.gregs[REG_RIP]);
#else
  return static_cast<uintptr_t>(machine.uc_mcontext.pc);
#endif
}

// Whom a call returns to whose target has no code.
uintptr_t CallerOf(const ucontext_t& machine) {
#if defined(__x86_64__)
  return *reinterpret_cast<const uintptr_t*>(machine.uc_mcontext.gregs[REG_RSP]);
#else
  return static_cast<uintptr_t>(machine.uc_mcontext.regs[30]);
#endif
}

void OnTooLate(int, siginfo_t* info, void*) { _exit(kExitOfSignals + info->si_value.sival_int); }

// Names in readable form need malloc, whose locks the crash may have left held.
void EndAfter(long nanoseconds, int with_signal) {
  struct sigaction action {};
  action.sa_sigaction = &OnTooLate;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGALRM;
  event.sigev_value.sival_int = with_signal;
  timer_t timer{};
  const itimerspec when{{0, 0}, {0, nanoseconds}};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) timer_settime(timer, 0, &when, nullptr);
}

void OnCrash(int number, siginfo_t* info, void* machine) {
  // As it ends a process without a handler: the next fault, or the return from here, does.
  signal(number, SIG_DFL);
  CrashContext context{.signal = number,
                       .code = info->si_code,
                       .address = reinterpret_cast<uintptr_t>(info->si_addr),
                       .frames = {},
                       .frame_count = 0,
                       .fault_at = InstructionOf(*static_cast<ucontext_t*>(machine))};
  if (info->si_code <= 0) context.address = 0;  // sent by itself: there is none
  Tell(context, Names::kNone);
  _Unwind_Backtrace(&TakeFrame, &context);
  if (context.frame_count == 0) {
    context.frames[0] = context.fault_at;
    context.frames[1] = CallerOf(*static_cast<ucontext_t*>(machine));
    context.frame_count = 2;
  }
  Tell(context, Names::kOfTheLinker);
  EndAfter(kNamesWithinNs, number);
  Tell(context, Names::kToRead);
  if (getpid() != 1) {  // a zygote: a signal that it sent itself would be over with this
    raise(number);
    return;
  }
  // Pid 1 of a namespace does not die of a signal that it sends itself, abort() included.
  if (number == SIGABRT) _exit(kExitAborted);
  if (info->si_code <= 0) _exit(kExitOfSignals + number);
}

}  // namespace

int InstallCrashHandler() {
  stack_t stack{};
  stack.ss_size = kStackBytes;
  stack.ss_sp =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, nullptr) != 0) return -1;
  return RearmCrashHandler();
}

int RearmCrashHandler() {
  struct sigaction action {};
  action.sa_sigaction = &OnCrash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int number : kSignals) {
    if (sigaction(number, &action, nullptr) != 0) return -1;
  }
  return 0;
}

}  // namespace hearth
