#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/wire/launcher_frames.h"

// What passes while a sandbox is being made: zygote -> init -> launcher, and the one frame from init to the
// zygote. After that init and zygote speak ForkWorker, WorkerForked and ForkFailed of launcher_frames.h.

namespace hearth {

enum class SetupFrameKind : uint8_t {
  kStage = 64,   // "about to try this"
  kLoaded = 65,  // the zygote is ready to fork
  kFailed = 66,  // it never will be
  kConfig = 67,  // init -> zygote, first
  kListener =
      68,  // + a descriptor: where the filter tells of calls that kill. From the zygote, before it loads
  kMounts = 69,  // what the zygote may do with its mounts, before it loads
  kAhead = 71,   // init -> a worker without a function, first: its filter
  kBlank = 70,   // that worker -> init -> launcher: ready to become any function's
};

struct ZygoteConfigFrame {
  std::string seccomp_zygote;  // BPF programs, compiled by the launcher
  std::string seccomp_worker;
  std::string library;
  std::string symbol;
  std::string function_name;
  std::string function_version;
  uint64_t memory_bytes = 0;
  uint32_t pids_max = 0;
  uint8_t has_memory_cgroup = 0;
  std::vector<std::string> environment;
  std::vector<std::string> readable, writable;  // folders that are mounted besides its own
  std::vector<std::string> mounts;              // all mounts of the request, in its order
  std::string layers;                           // where the layers are, or ""
  // A zygote that runs init before it forks. With the frame come its channel to hearthd, its stdout and stderr until then.
  uint8_t snapshot = 0;
  // Not a zygote: the sandbox's only worker, which this is. With the frame come its channel, its stdout and stderr, and
  // the `tasks` files that it has not joined yet.
  uint64_t own_worker = 0;
  // It was made before its function was known, and has what it needs to become that function's user.
  // Then a packet follows when its files are there.
  uint8_t was_blank = 0;
  uint32_t host_uid = 0;
  uint8_t user_namespace = 0;  // its own worker makes itself one, as a fork has
  uint64_t file_bytes = 0;     // limit of one file
  uint8_t egress = 0;
  std::vector<uint32_t> tcp_ports;
};

std::string EncodeStage(std::string_view stage);
std::string EncodeLoaded();
std::string EncodeListener();
std::string EncodeBlank();
std::string EncodeAhead(std::string_view filter);
std::string EncodeMounts(const std::vector<MountAccess>& mounts);
std::string EncodeSetupFailed(const StageFailure& failure);
std::string Encode(const ZygoteConfigFrame& config);

std::optional<SetupFrameKind> SetupKindOf(std::string_view packet);
std::optional<std::string> DecodeStage(std::string_view packet);
std::optional<std::string> DecodeAhead(std::string_view packet);
std::optional<std::vector<MountAccess>> DecodeMounts(std::string_view packet);
std::optional<StageFailure> DecodeSetupFailed(std::string_view packet);
std::optional<ZygoteConfigFrame> DecodeZygoteConfig(std::string_view packet);

}  // namespace hearth
