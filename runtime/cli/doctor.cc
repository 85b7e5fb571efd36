#include "runtime/cli/doctor.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "runtime/base/clock.h"
#include "runtime/base/files.h"
#include "runtime/base/process.h"
#include "runtime/wire/launcher_frames.h"
#include "runtime/wire/packet.h"
#include "runtime/wire/worker_frames.h"

namespace hearth::cli {
namespace {

using std::chrono::microseconds;

constexpr int kPatienceMs = 15'000;  // the launcher gives up a sandbox after ten seconds by itself
constexpr uint32_t kNobody = 65534;  // whom the function runs as, as root
constexpr uint32_t kIsolationLeast = 2;

Result<std::string> LibexecFolder() {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self);
  if (size <= 0) return ErrnoError("readlink /proc/self/exe");
  std::string folder(self, static_cast<size_t>(size));
  folder = folder.substr(0, folder.rfind('/')) + "/../libexec/hearth";
  if (PathExists(folder + "/hearth-launcher")) return folder;
  return Error{ErrorCode::kMisconfigured, "hearth-launcher is not where it belongs: " + folder};
}

Result<Packet> NextPacket(int fd, const char* whose) {
  pollfd waiting{fd, POLLIN, 0};
  if (poll(&waiting, 1, kPatienceMs) <= 0)
    return Error{ErrorCode::kTimedOut, std::string(whose) + " said nothing for 15 s"};
  HEARTH_ASSIGN(auto received, ReceivePacket(fd, FdPolicy::kAccept));
  if (received.kind != ReceivedPacket::Kind::kPacket)
    return Error{ErrorCode::kUnavailable, std::string(whose) + " has ended"};
  return std::move(received.packet);
}

std::string TextOf(const StageFailure& failure) {
  std::string text = failure.stage;
  if (failure.error != 0) text += std::string(": ") + strerror(failure.error);
  return failure.detail.empty() ? text : text + ": " + failure.detail;
}

MakeSandboxFrame NothingToDo(const std::string& libexec) {
  MakeSandboxFrame frame;
  frame.sandbox_id = 1;
  frame.name = "doctor";
  frame.code_folder = libexec;
  frame.library = "libhearth-doctor.so";
  frame.symbol = "hearth_function";
  frame.function_name = "doctor";
  frame.function_version = "1";
  frame.memory_bytes = 128u << 20;
  frame.tmp_bytes = 1u << 20;
  frame.host_uid = kNobody;
  return frame;
}

// From asked to ready, as hearthd would see it.
Result<microseconds> StartWorker(int init, uint64_t id) {
  HEARTH_ASSIGN(PacketSocketPair channel, MakePacketSocketPair());
  HEARTH_ASSIGN(const UniqueFd null, OpenFile("/dev/null", O_WRONLY | O_CLOEXEC));
  const SystemClock clock;
  const MonotonicTime asked = clock.Now();
  const int fds[] = {channel.theirs.get(), null.get(), null.get()};
  HEARTH_ASSIGN(const SendOutcome sent, SendPacket(init, Encode(ForkWorkerFrame{id}), fds));
  if (sent != SendOutcome::kSent) return Error{ErrorCode::kUnavailable, "init takes no request"};
  channel.theirs.Reset();
  for (;;) {
    pollfd waiting[] = {{channel.ours.get(), POLLIN, 0}, {init, POLLIN, 0}};
    if (poll(waiting, 2, kPatienceMs) <= 0) return Error{ErrorCode::kTimedOut, "no worker within 15 s"};
    if ((waiting[0].revents & POLLIN) != 0) break;
    HEARTH_ASSIGN(const Packet packet, NextPacket(init, "init"));
    if (const auto failed = DecodeForkFailed(packet.bytes))
      return Error{ErrorCode::kUnavailable, TextOf(failed->failure)};
  }
  const auto took = std::chrono::duration_cast<microseconds>(clock.Now() - asked);
  HEARTH_ASSIGN(const Packet started, NextPacket(channel.ours.get(), "the worker"));
  std::string_view body;
  const auto header = TakeHeader(started.bytes, body);
  if (!header || header->kind != static_cast<uint16_t>(WorkerFrameKind::kStarted))
    return Error{ErrorCode::kCorrupt, "the worker's first word is not Started"};
  return took;
}

Status MeasureStarts(int control, const std::string& libexec, size_t workers, Diagnosis& diagnosis) {
  HEARTH_ASSIGN(const SendOutcome sent, SendPacket(control, Encode(NothingToDo(libexec))));
  if (sent != SendOutcome::kSent) return Error{ErrorCode::kUnavailable, "the launcher takes no request"};
  HEARTH_ASSIGN(Packet made, NextPacket(control, "the launcher"));
  if (const auto failed = DecodeSandboxFailed(made.bytes))
    return Error{ErrorCode::kUnavailable, TextOf(failed->failure)};
  const auto ready = DecodeSandboxReady(made.bytes);
  if (!ready || made.fds.size() != 1) return Error{ErrorCode::kCorrupt, "the launcher's answer is malformed"};
  diagnosis.first_start = microseconds(ready->make_us);
  for (size_t i = 0; i < workers; ++i) {
    HEARTH_ASSIGN(const microseconds took, StartWorker(made.fds[0].get(), i + 1));
    diagnosis.next_starts.push_back(took);
  }
  std::sort(diagnosis.next_starts.begin(), diagnosis.next_starts.end());
  return Ok();
}

// Where nothing is forked: each with its sandbox, from asked to ready.
Result<microseconds> StartOwnWorker(int control, const std::string& libexec, uint64_t id) {
  HEARTH_ASSIGN(PacketSocketPair channel, MakePacketSocketPair());
  HEARTH_ASSIGN(const UniqueFd null, OpenFile("/dev/null", O_WRONLY | O_CLOEXEC));
  MakeSandboxFrame frame = NothingToDo(libexec);
  frame.sandbox_id = id;
  frame.own_worker = id;
  const SystemClock clock;
  const MonotonicTime asked = clock.Now();
  const int fds[] = {channel.theirs.get(), null.get(), null.get()};
  HEARTH_ASSIGN(const SendOutcome sent, SendPacket(control, Encode(frame), fds));
  if (sent != SendOutcome::kSent) return Error{ErrorCode::kUnavailable, "the launcher takes no request"};
  HEARTH_ASSIGN(const Packet made, NextPacket(control, "the launcher"));
  if (const auto failed = DecodeSandboxFailed(made.bytes))
    return Error{ErrorCode::kUnavailable, TextOf(failed->failure)};
  return std::chrono::duration_cast<microseconds>(clock.Now() - asked);
}

Status MeasureOwnStarts(int control, const std::string& libexec, size_t workers, Diagnosis& diagnosis) {
  for (size_t i = 0; i <= workers; ++i) {
    HEARTH_ASSIGN(const microseconds took, StartOwnWorker(control, libexec, i + 1));
    if (i == 0) diagnosis.first_start = took;
    if (i != 0) diagnosis.next_starts.push_back(took);
    HEARTH_ASSIGN(const SendOutcome sent,
                  SendPacket(control, Encode(LauncherFrameKind::kKillSandbox, SandboxIdFrame{i + 1})));
    if (sent != SendOutcome::kSent) return Error{ErrorCode::kUnavailable, "the launcher takes no request"};
    HEARTH_TRY(NextPacket(control, "the launcher"));  // SandboxGone
  }
  std::sort(diagnosis.next_starts.begin(), diagnosis.next_starts.end());
  return Ok();
}

}  // namespace

Result<Diagnosis> Diagnose(size_t workers) {
  HEARTH_ASSIGN(const std::string libexec, LibexecFolder());
  HEARTH_ASSIGN(PacketSocketPair control, MakePacketSocketPair());
  SpawnOptions options;
  options.executable = libexec + "/hearth-launcher";
  options.inherited_fd = control.theirs.get();
  HEARTH_ASSIGN(const ChildProcess launcher, Spawn(options));
  control.theirs.Reset();
  HEARTH_ASSIGN(const Packet packet, NextPacket(control.ours.get(), "the launcher"));
  const auto hello = DecodeHello(packet.bytes);
  if (!hello) return Error{ErrorCode::kCorrupt, "the launcher is of another version"};
  Diagnosis diagnosis;
  diagnosis.level = hello->isolation_level;
  diagnosis.findings = FindingsOf(hello->report);
  if (diagnosis.level < kIsolationLeast) {
    diagnosis.start_failure = "functions are refused below level 2";
    return diagnosis;
  }
  const auto measure = hello->forks_workers != 0 ? &MeasureStarts : &MeasureOwnStarts;
  const Status measured = measure(control.ours.get(), libexec, workers, diagnosis);
  if (!measured.ok()) diagnosis.start_failure = measured.error().message;
  return diagnosis;
}

std::vector<Finding> FindingsOf(const std::string& report) {
  std::vector<Finding> findings;
  std::istringstream lines(report);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    Finding finding{line.substr(0, colon), "ok", line.substr(colon + 2)};
    for (const char* state : {"ok", "degraded", "missing"}) {
      if (!finding.detail.starts_with(state)) continue;
      finding.state = state;
      finding.detail.erase(0, strlen(state));
      break;
    }
    const size_t begin = finding.detail.find_first_not_of(" (");
    finding.detail.erase(0, begin == std::string::npos ? finding.detail.size() : begin);
    const bool whole = finding.detail.find('(') == std::string::npos;
    if (whole && finding.detail.ends_with(')')) finding.detail.pop_back();
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::string LevelText(uint32_t level) {
  switch (level) {
    case 0:
    case 1:
      return "filters and limits of resources only: functions are refused";
    case 2:
      return "every namespace and filter, but no hard limit on memory, and one uid for all functions";
    case 3:
      return "level 2, and hard limits by cgroups";
    case 4:
      return "everything, with cgroup v1: hard limits, and a uid for each function";
    default:
      return "everything, with cgroup v2: hard limits, and a uid for each function";
  }
}

}  // namespace hearth::cli
