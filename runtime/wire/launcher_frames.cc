#include "runtime/wire/launcher_frames.h"

#include "runtime/wire/fields.h"

namespace hearth {

template <>
struct FieldsOf<HelloFrame> {
  static auto Tie(auto& f) {
    return std::tie(f.isolation_level, f.report, f.forks_workers, f.egress_missing);
  }
};
template <>
struct FieldsOf<BindMount> {
  static auto Tie(auto& f) { return std::tie(f.source, f.target, f.writable); }
};
template <>
struct FieldsOf<PrivateFile> {
  static auto Tie(auto& f) { return std::tie(f.name, f.bytes); }
};
template <>
struct FieldsOf<MakeSandboxFrame> {
  static auto Tie(auto& f) {
    return std::tie(f.sandbox_id, f.name, f.code_folder, f.library, f.symbol, f.function_name,
                    f.function_version, f.memory_bytes, f.tmp_bytes, f.pids_max, f.host_uid,
                    f.has_memory_cgroup, f.environment, f.mounts, f.layers_folder, f.secrets, f.own_worker,
                    f.egress, f.tcp_ports, f.snapshot_limit_ms);
  }
};
template <>
struct FieldsOf<MountAccess> {
  static auto Tie(auto& f) { return std::tie(f.owned, f.read_error, f.write_error); }
};
template <>
struct FieldsOf<SandboxReadyFrame> {
  static auto Tie(auto& f) { return std::tie(f.sandbox_id, f.make_us, f.was_blank, f.mounts); }
};
template <>
struct FieldsOf<StageFailure> {
  static auto Tie(auto& f) { return std::tie(f.stage, f.error, f.detail, f.authors_fault, f.leaves_threads); }
};
template <>
struct FieldsOf<SandboxFailedFrame> {
  static auto Tie(auto& f) { return std::tie(f.sandbox_id, f.failure); }
};
template <>
struct FieldsOf<SandboxIdFrame> {
  static auto Tie(auto& f) { return std::tie(f.sandbox_id); }
};
template <>
struct FieldsOf<BlanksFrame> {
  static auto Tie(auto& f) { return std::tie(f.count, f.problem); }
};
template <>
struct FieldsOf<UnpackZipFrame> {
  static auto Tie(auto& f) { return std::tie(f.ticket, f.bytes_max, f.entries_max); }
};
template <>
struct FieldsOf<UnpackDoneFrame> {
  static auto Tie(auto& f) { return std::tie(f.ticket, f.error); }
};
template <>
struct FieldsOf<ForkWorkerFrame> {
  static auto Tie(auto& f) { return std::tie(f.worker_id); }
};
template <>
struct FieldsOf<WorkerForkedFrame> {
  static auto Tie(auto& f) { return std::tie(f.worker_id, f.pid); }
};
template <>
struct FieldsOf<ForkFailedFrame> {
  static auto Tie(auto& f) { return std::tie(f.worker_id, f.failure); }
};
template <>
struct FieldsOf<WorkerExitedFrame> {
  static auto Tie(auto& f) {
    return std::tie(f.worker_id, f.exit_code, f.signal, f.max_rss_kib, f.cpu_us, f.violation);
  }
};

namespace {

template <class Frame>
std::string EncodeFrame(LauncherFrameKind kind, const Frame& frame) {
  FrameWriter out;
  out.U8(static_cast<uint8_t>(kind));
  WriteFields(out, frame);
  return out.Take();
}

template <class Frame>
std::optional<Frame> DecodeFrame(std::initializer_list<LauncherFrameKind> kinds, std::string_view packet) {
  FrameReader in(packet);
  const auto kind = static_cast<LauncherFrameKind>(in.U8());
  bool expected = false;
  for (LauncherFrameKind k : kinds) expected = expected || k == kind;
  if (!expected) return std::nullopt;
  Frame frame;
  ReadFields(in, frame);
  if (!in.Complete()) return std::nullopt;
  return frame;
}

using Kind = LauncherFrameKind;

}  // namespace

std::string Encode(const HelloFrame& f) { return EncodeFrame(Kind::kHello, f); }
std::string Encode(const MakeSandboxFrame& f) { return EncodeFrame(Kind::kMakeSandbox, f); }
std::string Encode(const SandboxReadyFrame& f) { return EncodeFrame(Kind::kSandboxReady, f); }
std::string Encode(const SandboxFailedFrame& f) { return EncodeFrame(Kind::kSandboxFailed, f); }
std::string Encode(LauncherFrameKind kind, const SandboxIdFrame& f) { return EncodeFrame(kind, f); }
std::string Encode(LauncherFrameKind kind, const BlanksFrame& f) { return EncodeFrame(kind, f); }
std::string Encode(const UnpackZipFrame& f) { return EncodeFrame(Kind::kUnpackZip, f); }
std::string Encode(const UnpackDoneFrame& f) { return EncodeFrame(Kind::kUnpackDone, f); }
std::string Encode(const ForkWorkerFrame& f) { return EncodeFrame(Kind::kForkWorker, f); }
std::string Encode(const WorkerForkedFrame& f) { return EncodeFrame(Kind::kWorkerForked, f); }
std::string Encode(const ForkFailedFrame& f) { return EncodeFrame(Kind::kForkFailed, f); }
std::string Encode(const WorkerExitedFrame& f) { return EncodeFrame(Kind::kWorkerExited, f); }

std::string EncodeZygoteExited(int32_t exit_code, int32_t signal) {
  FrameWriter out;
  out.U8(static_cast<uint8_t>(Kind::kZygoteExited)).I32(exit_code).I32(signal);
  return out.Take();
}

std::optional<LauncherFrameKind> KindOf(std::string_view packet) {
  if (packet.empty()) return std::nullopt;
  const auto kind = static_cast<LauncherFrameKind>(packet[0]);
  switch (kind) {
    case Kind::kHello:
    case Kind::kMakeSandbox:
    case Kind::kSandboxReady:
    case Kind::kSandboxFailed:
    case Kind::kKillSandbox:
    case Kind::kSandboxGone:
    case Kind::kUnpackZip:
    case Kind::kUnpackDone:
    case Kind::kKeepBlanks:
    case Kind::kBlanks:
    case Kind::kForkWorker:
    case Kind::kWorkerForked:
    case Kind::kForkFailed:
    case Kind::kWorkerExited:
    case Kind::kZygoteExited:
      return kind;
  }
  return std::nullopt;
}

std::optional<HelloFrame> DecodeHello(std::string_view p) {
  return DecodeFrame<HelloFrame>({Kind::kHello}, p);
}
std::optional<MakeSandboxFrame> DecodeMakeSandbox(std::string_view p) {
  return DecodeFrame<MakeSandboxFrame>({Kind::kMakeSandbox}, p);
}
std::optional<SandboxReadyFrame> DecodeSandboxReady(std::string_view p) {
  return DecodeFrame<SandboxReadyFrame>({Kind::kSandboxReady}, p);
}
std::optional<SandboxFailedFrame> DecodeSandboxFailed(std::string_view p) {
  return DecodeFrame<SandboxFailedFrame>({Kind::kSandboxFailed}, p);
}
std::optional<SandboxIdFrame> DecodeSandboxId(std::string_view p) {
  return DecodeFrame<SandboxIdFrame>({Kind::kKillSandbox, Kind::kSandboxGone}, p);
}
std::optional<BlanksFrame> DecodeBlanks(std::string_view p) {
  return DecodeFrame<BlanksFrame>({Kind::kKeepBlanks, Kind::kBlanks}, p);
}
std::optional<UnpackZipFrame> DecodeUnpackZip(std::string_view p) {
  return DecodeFrame<UnpackZipFrame>({Kind::kUnpackZip}, p);
}
std::optional<UnpackDoneFrame> DecodeUnpackDone(std::string_view p) {
  return DecodeFrame<UnpackDoneFrame>({Kind::kUnpackDone}, p);
}
std::optional<ForkWorkerFrame> DecodeForkWorker(std::string_view p) {
  return DecodeFrame<ForkWorkerFrame>({Kind::kForkWorker}, p);
}
std::optional<WorkerForkedFrame> DecodeWorkerForked(std::string_view p) {
  return DecodeFrame<WorkerForkedFrame>({Kind::kWorkerForked}, p);
}
std::optional<ForkFailedFrame> DecodeForkFailed(std::string_view p) {
  return DecodeFrame<ForkFailedFrame>({Kind::kForkFailed}, p);
}
std::optional<WorkerExitedFrame> DecodeWorkerExited(std::string_view p) {
  return DecodeFrame<WorkerExitedFrame>({Kind::kWorkerExited}, p);
}

}  // namespace hearth
