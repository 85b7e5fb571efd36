#include "runtime/worker/setup_frames.h"

#include "runtime/wire/fields.h"

namespace hearth {

template <>
struct FieldsOf<ZygoteConfigFrame> {
  static auto Tie(auto& f) {
    return std::tie(f.seccomp_zygote, f.seccomp_worker, f.library, f.symbol, f.function_name,
                    f.function_version, f.memory_bytes, f.pids_max, f.has_memory_cgroup, f.environment,
                    f.readable, f.writable, f.mounts, f.layers, f.snapshot, f.own_worker, f.was_blank,
                    f.host_uid, f.user_namespace, f.file_bytes, f.egress, f.tcp_ports);
  }
};

namespace {

FrameWriter Begin(SetupFrameKind kind) {
  FrameWriter out;
  out.U8(static_cast<uint8_t>(kind));
  return out;
}

}  // namespace

std::string EncodeStage(std::string_view stage) { return Begin(SetupFrameKind::kStage).String(stage).Take(); }

std::string EncodeLoaded() { return Begin(SetupFrameKind::kLoaded).Take(); }

std::string EncodeListener() { return Begin(SetupFrameKind::kListener).Take(); }

std::string EncodeBlank() { return Begin(SetupFrameKind::kBlank).Take(); }

std::string EncodeAhead(std::string_view filter) {
  return Begin(SetupFrameKind::kAhead).String(filter).Take();
}

std::string EncodeMounts(const std::vector<MountAccess>& mounts) {
  FrameWriter out = Begin(SetupFrameKind::kMounts);
  for (const MountAccess& mount : mounts) out.U8(mount.owned).I32(mount.read_error).I32(mount.write_error);
  return out.Take();
}

std::string EncodeSetupFailed(const StageFailure& failure) {
  return Begin(SetupFrameKind::kFailed)
      .String(failure.stage)
      .I32(failure.error)
      .String(failure.detail)
      .U8(failure.authors_fault)
      .U8(failure.leaves_threads)
      .Take();
}

std::string Encode(const ZygoteConfigFrame& config) {
  FrameWriter out = Begin(SetupFrameKind::kConfig);
  WriteFields(out, config);
  return out.Take();
}

std::optional<SetupFrameKind> SetupKindOf(std::string_view packet) {
  const uint8_t kind = packet.empty() ? 0 : static_cast<uint8_t>(packet[0]);
  if (kind < static_cast<uint8_t>(SetupFrameKind::kStage) ||
      kind > static_cast<uint8_t>(SetupFrameKind::kAhead)) {
    return std::nullopt;
  }
  return static_cast<SetupFrameKind>(kind);
}

std::optional<std::string> DecodeStage(std::string_view packet) {
  FrameReader in(packet);
  if (in.U8() != static_cast<uint8_t>(SetupFrameKind::kStage)) return std::nullopt;
  std::string stage(in.String());
  if (!in.Complete()) return std::nullopt;
  return stage;
}

std::optional<std::string> DecodeAhead(std::string_view packet) {
  FrameReader in(packet);
  if (in.U8() != static_cast<uint8_t>(SetupFrameKind::kAhead)) return std::nullopt;
  std::string filter(in.String());
  if (!in.Complete()) return std::nullopt;
  return filter;
}

std::optional<std::vector<MountAccess>> DecodeMounts(std::string_view packet) {
  constexpr size_t kBytesEach = 1 + 4 + 4;
  FrameReader in(packet);
  if (in.U8() != static_cast<uint8_t>(SetupFrameKind::kMounts)) return std::nullopt;
  if ((packet.size() - 1) % kBytesEach != 0) return std::nullopt;
  std::vector<MountAccess> mounts((packet.size() - 1) / kBytesEach);
  for (MountAccess& mount : mounts) {
    mount.owned = in.U8();
    mount.read_error = in.I32();
    mount.write_error = in.I32();
  }
  return mounts;
}

std::optional<StageFailure> DecodeSetupFailed(std::string_view packet) {
  FrameReader in(packet);
  if (in.U8() != static_cast<uint8_t>(SetupFrameKind::kFailed)) return std::nullopt;
  StageFailure failure;
  failure.stage = in.String();
  failure.error = in.I32();
  failure.detail = in.String();
  failure.authors_fault = in.U8();
  failure.leaves_threads = in.U8();
  if (!in.Complete()) return std::nullopt;
  return failure;
}

std::optional<ZygoteConfigFrame> DecodeZygoteConfig(std::string_view packet) {
  FrameReader in(packet);
  if (in.U8() != static_cast<uint8_t>(SetupFrameKind::kConfig)) return std::nullopt;
  ZygoteConfigFrame config;
  ReadFields(in, config);
  if (!in.Complete()) return std::nullopt;
  return config;
}

}  // namespace hearth
