#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/model/log_settings.h"

namespace hearth {

// Limits, as in docs/specification.md (Lambda's where Lambda has one).
inline constexpr size_t kFunctionNameBytesMax = 64;
inline constexpr size_t kEnvironmentBytesMax = 4096;  // names and values together
inline constexpr seconds kTimeoutMin{1}, kTimeoutMax{900}, kTimeoutDefault{3};
inline constexpr Bytes kMemoryMin = 16_MiB, kMemoryMax = 10240_MiB, kMemoryDefault = 128_MiB;
inline constexpr Bytes kTmpDefault = 512_MiB;

inline constexpr size_t kNetworkPortsMax = 32;

// What workers share: their zygote's layout and their process from event to event; the layout alone; nothing.
enum class Isolation : uint8_t { kInstance = 0, kInvocation = 1, kStrict = 2 };

// kEgress: out of a network namespace of its own, by address translation; docs/security-model.md says to where.
enum class Network : uint8_t { kNone = 0, kEgress = 1 };

// kPublishedVersions: what is published runs its init once, in a process that all its workers are copies of.
enum class SnapStart : uint8_t { kNone = 0, kPublishedVersions = 1 };

// A bucket that the handler sees, at /mnt/buckets/NAME.
struct BucketMount {
  std::string bucket;
  bool writable = false;
  friend bool operator==(const BucketMount&, const BucketMount&) = default;
};

// A version of a layer, part of what is seen at /opt.
struct LayerUse {
  std::string arn;
  uint64_t size_bytes = 0;  // of the zip that was published
  friend bool operator==(const LayerUse&, const LayerUse&) = default;
};

// A secret that the handler finds as the file /run/secrets/FILE.
struct SecretUse {
  std::string secret;
  std::string file;
  friend bool operator==(const SecretUse&, const SecretUse&) = default;
};

// What an author or operator sets on a function; copied whole into a version when one is published.
struct FunctionSettings {
  std::string description;
  std::string runtime = "provided.al2023";
  std::string role;
  std::string handler;  // "libresize.so" or "libresize.so:symbol"
  seconds timeout = kTimeoutDefault;
  Bytes memory = kMemoryDefault;
  Bytes tmp = kTmpDefault;
  Isolation isolation = Isolation::kInstance;
  Network network = Network::kNone;
  std::vector<uint16_t> network_ports;  // of TCP, that it may connect to, in order; none: to each
  std::map<std::string, std::string> environment;
  SnapStart snap_start = SnapStart::kNone;
  std::vector<BucketMount> buckets;
  LogSettings log;
  std::string dead_letter_arn;   // gets asynchronous events that failed for the last time; "": none
  std::vector<LayerUse> layers;  // of two files with one name, that of the later layer is seen
  std::vector<SecretUse> secrets;
};

struct HandlerName {
  std::string library;  // "libresize.so": no slash
  std::string symbol = "hearth_function";
};

// Of the code itself: unpacked in `folder`, immutable, named by its hash.
struct CodeArtefact {
  std::string sha256_base64;  // of the bytes that were uploaded, as Lambda's CodeSha256
  uint64_t size_bytes = 0;    // of the bytes that were uploaded
  std::string folder;         // host path of the unpacked package
};

// One immutable thing that can run. $LATEST is a new FunctionVersion object, with a new `generation`, each
// time its code or settings change: old workers keep the old one until they have drained.
struct FunctionVersion {
  std::string function;
  std::string version;      // "$LATEST" or "1", "2", ...
  uint64_t generation = 0;  // unique per daemon life; the key of the warm pool
  std::string arn;          // arn:aws:lambda:REGION:ACCOUNT:function:NAME:VERSION
  std::string revision_id;  // UUID, changes with every change
  WallTime last_modified{};
  FunctionSettings settings;
  CodeArtefact code;
  uint32_t host_uid = 0;          // one per function, as root; 0: none
  std::string layers_folder;      // host path of what is seen at /opt; "": it has no layers
  uint64_t secrets_revision = 0;  // of the secrets when it was made, in this life of the daemon; not stored
};

// Its workers are copies of a process that has run init; never $LATEST's.
bool StartsFromSnapshot(const FunctionVersion& version);

Status ValidateFunctionName(std::string_view name);
Status ValidateSettings(const FunctionSettings& settings);
Result<HandlerName> ParseHandler(std::string_view handler);

// "name", "name:qualifier", "ACCOUNT:function:name", full ARN with or without qualifier.
struct FunctionReference {
  std::string name;
  std::string qualifier;
};
Result<FunctionReference> ParseFunctionReference(std::string_view text);

// Stored form. Unknown keys are kept out, missing ones take their default.
std::string EncodeFunctionJson(const FunctionVersion& version);
Result<FunctionVersion> DecodeFunctionJson(std::string_view json);

}  // namespace hearth
