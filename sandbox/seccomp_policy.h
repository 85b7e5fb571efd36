#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// What becomes of a system call. When filters are stacked the most severe wins; between two errors, the
// newest filter's.
// kKill: either by the kernel at once, or held there until the filter's listener, who is told which call it
// was, has killed it: see CompileSeccomp().
enum class Verdict { kAllow, kErrno, kKill };

enum class Compare {
  kEqual,  // (argument & mask) == value
  kNotEqual,
  kGreater,  // unsigned, of all 64 bits
};
struct ArgumentTest {
  unsigned index = 0;
  uint64_t mask = ~0ULL;
  uint64_t value = 0;
  Compare compare = Compare::kEqual;
};

struct SeccompRule {
  std::string_view call;
  Verdict verdict = Verdict::kAllow;
  int error = 0;
  std::vector<ArgumentTest> tests;  // all must hold; empty: always
};

// A table of system calls, built by methods that each list exactly what they permit. Calls are by name: one
// that this machine's architecture lacks is skipped. What is not named gets the default.
class SeccompPolicy final {
 public:
  // An allow list: the default is ENOSYS, which is what libraries expect of a kernel older than a call.
  static SeccompPolicy NothingAllowed();
  // To be stacked on another: takes away and allows the rest.
  static SeccompPolicy TakeAway();

  SeccompPolicy& AllowMemory();
  SeccompPolicy& AllowFiles();
  SeccompPolicy& AllowWaiting();  // poll, epoll, timers, sleep, futex
  SeccompPolicy& AllowThreads();
  SeccompPolicy& AllowSignals();
  SeccompPolicy& AllowAskingAboutItself();
  SeccompPolicy& AllowSocketsItHas();  // messages on what was passed to it; no new ones but socketpair
  // Sockets of TCP and UDP, to connect with; none to listen on.
  SeccompPolicy& AllowEgressSockets();
  SeccompPolicy& AllowExit();

  SeccompPolicy& AllowForkingWorkers();   // clone with exactly the namespaces of a worker
  SeccompPolicy& AllowConfiningItself();  // what the child of such a clone does to itself
  // A function's, in a user namespace of its own; whatever was said of these calls before.
  SeccompPolicy& AllowBecomingUser();
  SeccompPolicy& AllowMakingTmpfs();  // fsopen, fsconfig, fsmount
  SeccompPolicy& AllowReaping();
  SeccompPolicy& AllowKillingViolators();  // SIGKILL, and hearing whom from the filter's listener

  SeccompPolicy& RefuseWithErrors();  // what libraries probe: a polite EPERM or EACCES
  SeccompPolicy& RefuseNetwork();     // ... of sockets
  SeccompPolicy& KillAttacks();       // what no handler calls by accident
  SeccompPolicy& TakeAwayConfining();
  SeccompPolicy& TakeAwayBecomingUser();
  // Mode and times of a file that is open for reading only: its owner may change them, and where we are not root
  // workers are of the same user as the files that are handed to them.
  SeccompPolicy& TakeAwayChangingByDescriptor();
  SeccompPolicy&
  TakeAwayOthers();  // signals to, and limits of, whoever is not process 0 (itself) or 1 (itself)

  SeccompPolicy& Add(Verdict verdict, int error, std::initializer_list<std::string_view> calls);
  SeccompPolicy& Add(SeccompRule rule);

  bool default_is_allow() const { return default_is_allow_; }
  const std::vector<SeccompRule>& rules() const { return rules_; }

 private:
  explicit SeccompPolicy(bool default_is_allow) : default_is_allow_(default_is_allow) {}

  bool default_is_allow_;
  std::vector<SeccompRule> rules_;
};

// The flags of the clone that makes a worker; the zygote's filter permits these and no other.
uint64_t WorkerCloneFlags();

enum class NetworkOf { kNobody, kEgress };
// From before the author's library is loaded; workers inherit it.
SeccompPolicy ZygotePolicy(NetworkOf network = NetworkOf::kNobody);
enum class FilesOf { kOthers, kOurUser };                      // that are handed to workers
SeccompPolicy WorkerPolicy(FilesOf files = FilesOf::kOthers);  // stacked on it once the worker is confined
// The same two of a worker that is no fork of a zygote: of one that is executed before it has a function, and stacked on
// that once it has one. Together they give what the other two give together.
SeccompPolicy BlankWorkerPolicy();
SeccompPolicy LoneWorkerPolicy();
SeccompPolicy InitPolicy();    // pid 1 of a sandbox, trusted: what its loop needs
SeccompPolicy UnpackPolicy();  // reads a zip, writes files beneath a folder

}  // namespace hearth
