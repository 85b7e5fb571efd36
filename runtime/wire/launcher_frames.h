#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/wire/codec.h"
#include "runtime/wire/packet.h"

// hearthd <-> hearth-launcher (control, fd 3 of the launcher) and hearthd <-> a sandbox's init (one channel each, whose
// other end comes with SandboxReady). All trusted but for what the zygote says through init.
//
//   hearthd                          launcher                       init of a sandbox              zygote
//     MakeSandbox ─────────────────────▶ clone, mounts, exec ───────────▶ ───────────────────────────▶ load
//     ◀───── SandboxReady + init channel │ SandboxFailed {stage, errno, text}
//     ForkWorker + [channel, stdout, stderr, cgroup tasks...] ───────────▶ + /tmp ───────────────────▶ fork
//     ◀──────────────────────────────────────────────────── WorkerForked {pid in the sandbox} | ForkFailed
//     ◀──────────────────────────────────────────────────── WorkerExited {exit code | signal, rusage}
//     ◀──────────────────────────────────────────────────── ZygoteExited (no more forks; live workers go on)
//     KillSandbox ─────────────────────▶ SIGKILL init: everything in the pid namespace dies
//     ◀───── SandboxGone {sandbox}
//     UnpackZip + [zip fd, folder fd] ─▶ a confined child
//     ◀───── UnpackDone {error text or ""}
//
// A worker that shares nothing with its siblings comes with its sandbox: MakeSandbox names it and brings what ForkWorker
// brings, nothing is forked, WorkerExited tells of it. Where the launcher keeps blank sandboxes, one of them becomes it.
//     KeepBlanks {count} ──────────────▶ made while nobody waits
//     ◀───── Blanks {ready} whenever that changes

namespace hearth {

enum class LauncherFrameKind : uint8_t {
  kHello = 1,  // launcher -> hearthd, once: what this host can give
  kMakeSandbox = 2,
  kSandboxReady = 3,
  kSandboxFailed = 4,
  kKillSandbox = 5,
  kSandboxGone = 6,
  kUnpackZip = 7,
  kUnpackDone = 8,
  kKeepBlanks = 9,
  kBlanks = 10,
  kForkWorker = 16,  // to init
  kWorkerForked = 17,
  kForkFailed = 18,
  kWorkerExited = 19,
  kZygoteExited = 20,
};

// What the launcher found that it can give, probed by trying (reference levels: 1 process, 2 rootless, 4 root
// with cgroup v1/hybrid, 5 root v2).
struct HelloFrame {
  uint32_t isolation_level = 0;
  std::string report;         // lines "layer: ok|missing (why, remedy)", for the log and for `hearth doctor`
  uint8_t forks_workers = 1;  // no: workers cannot have namespaces of their own, each needs a sandbox
  std::string
      egress_missing{};  // why no function gets a way out of its network namespace, and what to do; "": it can
};

struct BindMount {
  std::string source;  // host path of a folder
  std::string target;  // absolute path inside, below /mnt
  uint8_t writable = 0;
};

// A file in memory, for the function's user alone to read.
struct PrivateFile {
  std::string name;
  uint64_t bytes = 0;
};

// + descriptors: with a worker of its own those of ForkWorker; else, where the zygote runs init, its channel, stdout and
// stderr for that, and what it joins of its cgroup; then, where there are secrets, a file of their bytes one after another, in the order of the request.
struct MakeSandboxFrame {
  uint64_t sandbox_id = 0;
  std::string name;         // hostname inside and for messages; the function's name
  std::string code_folder;  // host path, becomes /var/task, read-only
  std::string library;      // file name below the code folder: "libresize.so"
  std::string symbol;       // exported function that returns the handler table: "hearth_function"
  std::string function_name;
  std::string function_version;
  uint64_t memory_bytes = 0;             // of one worker; rlimits where there is no cgroup
  uint64_t tmp_bytes = 0;                // size of each worker's /tmp
  uint32_t pids_max = 64;                // threads of one worker
  uint32_t host_uid = 0;                 // root: uid of the function on the host; 0: keep ours (rootless)
  uint8_t has_memory_cgroup = 0;         // no: the worker sets RLIMIT_DATA to memory_bytes
  std::vector<std::string> environment;  // NAME=value
  std::vector<BindMount> mounts;
  std::string layers_folder;         // host path, becomes /opt, read-only; "": there is no /opt
  std::vector<PrivateFile> secrets;  // what /run/secrets has
  uint64_t own_worker = 0;           // id of the one worker that comes with it, instead of a zygote; 0: none
  uint8_t egress = 0;                // a way out of its network namespace
  std::vector<uint32_t> tcp_ports;   // to which that leads; none: to each
  uint32_t snapshot_limit_ms = 0;    // its zygote runs init before it forks, within this; 0: each worker does
};

// What the function's user may do with the folder of a mount, as the zygote found before it loaded foreign code.
struct MountAccess {
  uint8_t owned = 0;        // the folder's owner is seen as the function's user
  int32_t read_error = 0;   // errno of looking into it; 0: it may
  int32_t write_error = 0;  // errno of making a file there
};

struct SandboxReadyFrame {  // + one descriptor: the channel to init
  uint64_t sandbox_id = 0;
  uint32_t make_us = 0;             // whole set-up, from clone to loaded; of a blank one, from the request on
  uint8_t was_blank = 0;            // it was made ahead
  std::vector<MountAccess> mounts;  // in the order of the request; another number of them: not known
};

// A failure anywhere in making a sandbox or a worker: which stage, why.
struct StageFailure {
  std::string stage;           // "mount /usr/lib", "load library", "check abi version"
  int32_t error = 0;           // errno, or 0 where it does not apply
  std::string detail;          // for the author or operator, complete sentences
  uint8_t authors_fault = 0;   // the artefact is bad (kBadArtefact), as against the host
  uint8_t leaves_threads = 0;  // the library can be loaded, but no process that has loaded it can be forked
};

struct SandboxFailedFrame {
  uint64_t sandbox_id = 0;
  StageFailure failure;
};

struct SandboxIdFrame {  // KillSandbox, SandboxGone
  uint64_t sandbox_id = 0;
};

struct BlanksFrame {  // KeepBlanks, Blanks
  uint32_t count = 0;
  std::string problem;  // of Blanks: why no more of them are made until they are asked for again; or ""
};

struct
    UnpackZipFrame {  // + two descriptors: the zip (read-only), the empty target folder (O_PATH or O_RDONLY)
  uint64_t ticket = 0;
  uint64_t bytes_max = 0;  // of everything unpacked
  uint32_t entries_max = 0;
};

struct UnpackDoneFrame {
  uint64_t ticket = 0;
  std::string error;  // empty: done. Else the entry's name and why it was refused.
};

// + descriptors: worker's end of its channel, write ends of its stdout and stderr pipes, then `tasks` files
// of its cgroups (cgroup v1: the worker writes "0" to each).
struct ForkWorkerFrame {
  uint64_t worker_id = 0;
};

struct WorkerForkedFrame {
  uint64_t worker_id = 0;
  int32_t pid = 0;  // in init's pid namespace: only for matching WorkerExited
};

struct ForkFailedFrame {
  uint64_t worker_id = 0;
  StageFailure failure;
};

struct WorkerExitedFrame {  // also for workers that died before Started
  uint64_t worker_id = 0;
  int32_t exit_code = -1;    // >= 0: it exited
  int32_t signal = 0;        // else it was killed by this
  uint64_t max_rss_kib = 0;  // rusage; includes what the zygote had (see the reference)
  uint64_t cpu_us = 0;
  std::string violation;  // name of the system call that it was killed for; `signal` is SIGSYS then
};

std::string Encode(const HelloFrame&);
std::string Encode(const MakeSandboxFrame&);
std::string Encode(const SandboxReadyFrame&);
std::string Encode(const SandboxFailedFrame&);
std::string Encode(LauncherFrameKind kind, const SandboxIdFrame&);
std::string Encode(LauncherFrameKind kind, const BlanksFrame&);
std::string Encode(const UnpackZipFrame&);
std::string Encode(const UnpackDoneFrame&);
std::string Encode(const ForkWorkerFrame&);
std::string Encode(const WorkerForkedFrame&);
std::string Encode(const ForkFailedFrame&);
std::string Encode(const WorkerExitedFrame&);
std::string EncodeZygoteExited(int32_t exit_code, int32_t signal);

// The kind is the first byte. Each Decode takes the whole packet; empty when malformed or of another kind.
std::optional<LauncherFrameKind> KindOf(std::string_view packet);
std::optional<HelloFrame> DecodeHello(std::string_view packet);
std::optional<MakeSandboxFrame> DecodeMakeSandbox(std::string_view packet);
std::optional<SandboxReadyFrame> DecodeSandboxReady(std::string_view packet);
std::optional<SandboxFailedFrame> DecodeSandboxFailed(std::string_view packet);
std::optional<SandboxIdFrame> DecodeSandboxId(std::string_view packet);
std::optional<BlanksFrame> DecodeBlanks(std::string_view packet);
std::optional<UnpackZipFrame> DecodeUnpackZip(std::string_view packet);
std::optional<UnpackDoneFrame> DecodeUnpackDone(std::string_view packet);
std::optional<ForkWorkerFrame> DecodeForkWorker(std::string_view packet);
std::optional<WorkerForkedFrame> DecodeWorkerForked(std::string_view packet);
std::optional<ForkFailedFrame> DecodeForkFailed(std::string_view packet);
std::optional<WorkerExitedFrame> DecodeWorkerExited(std::string_view packet);

}  // namespace hearth
