#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include <hearth/hearth.h>

// A handler that ends its process in the way that its payload names; functions have names worth finding in a
// backtrace.

namespace crasher {

// Optimisers would see through all of it.
volatile long zero = 0;
void* volatile nowhere = nullptr;

__attribute__((noinline)) void WriteTo(long address) { *reinterpret_cast<volatile char*>(address) = 1; }
__attribute__((noinline)) void WriteToNull() {
  WriteTo(zero);
  zero = 0;
}
__attribute__((noinline)) void WriteToConstant() {
  static const char text[4096] = "read only";
  WriteTo(reinterpret_cast<long>(text));
  zero = 0;
}
__attribute__((noinline)) void CallNothing() {
  reinterpret_cast<void (*)()>(nowhere)();
  zero = 0;
}
__attribute__((noinline)) void Divide() { zero = 7777 / zero; }
__attribute__((noinline)) void Undefined() { __builtin_trap(); }
__attribute__((noinline)) long Recurse(volatile char* outer) {
  volatile char frame[4096];
  frame[0] = *outer;
  return Recurse(frame) + frame[0];
}
__attribute__((noinline)) void ReadBeyondFile() {
  const int fd = open("/tmp/short", O_RDWR | O_CREAT, 0600);
  auto* page = static_cast<volatile char*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0));
  zero = page[0];
}
__attribute__((noinline)) void Throw() { throw std::runtime_error("escaped"); }
__attribute__((noinline)) void ThrowWhereNoneMay() noexcept { Throw(); }
__attribute__((noinline)) void AbortWithLocksHeld() {
  // What glibc finds damaged it aborts with its lock held.
  char* volatile block = static_cast<char*>(std::malloc(100));
  std::memset(block + zero - 8, 0x41, 64);
  std::free(block);
}
void* FaultInThread(void*) {
  WriteToNull();
  return nullptr;
}
// A report about an end that does not come.
void Forge() {
  struct [[gnu::packed]] {
    uint16_t version = 1, kind = 10;
    uint32_t flags = 0;
    uint64_t sequence = 0;
    int32_t signal = SIGSEGV, code = 1;
    uint64_t address = 0x1234;
    uint32_t text_bytes = 20;
    char text[21] = "#0 REPORT forged\n#1\n";
  } frame;
  send(3, &frame, sizeof frame - 1, 0);
}

const std::map<std::string, void (*)()> deeds = {
    {"null", [] { WriteToNull(); }},
    {"read-only", [] { WriteToConstant(); }},
    {"call nothing", [] { CallNothing(); }},
    {"divide", [] { Divide(); }},
    {"trap", [] { Undefined(); }},
    {"overflow",
     [] {
       volatile char seed = 1;
       zero = Recurse(&seed);
     }},
    {"bus", [] { ReadBeyondFile(); }},
    {"abort", [] { std::abort(); }},
    {"terminate", [] { ThrowWhereNoneMay(); }},
    {"heap", [] { AbortWithLocksHeld(); }},
    {"thread",
     [] {
       pthread_t thread;
       pthread_create(&thread, nullptr, &FaultInThread, nullptr);
       pthread_join(thread, nullptr);
     }},
    {"raise", [] { raise(SIGSEGV); }},
    {"exit", [] { std::exit(3); }},
    {"mount", [] { mount("x", "/tmp", "tmpfs", 0, nullptr); }},
    {"mount in a thread",
     [] {
       pthread_t thread;
       pthread_create(
           &thread, nullptr,
           [](void*) -> void* { return reinterpret_cast<void*>(static_cast<long>(umount2("/tmp", 0))); },
           nullptr);
       pthread_join(thread, nullptr);
     }},
    {"move_mount", [] { syscall(SYS_move_mount, -1, "", -1, "/tmp", 4); }},
    {"forge", [] { Forge(); }},
    {"forge and exit",
     [] {
       Forge();
       _exit(7);
     }},
};

}  // namespace crasher

static hearth::json Crash(const hearth::json& order, hearth::Context&) {
  const auto deed = crasher::deeds.find(order.value("do", ""));
  if (deed != crasher::deeds.end()) deed->second();
  return "still here";
}

HEARTH_HANDLER(Crash);
