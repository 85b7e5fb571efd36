#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/model/function.h"

namespace hearth {

// Limits, as in docs/specification.md.
inline constexpr size_t kSecretNameBytesMax = 64;
inline constexpr size_t kSecretBytesMax = 64 * 1024;
inline constexpr size_t kSecretsOfFunctionMax = 16;  // 1 MiB in each sandbox
inline constexpr size_t kSecretsMax = 1000;          // of one daemon

// Where functions find theirs, one file each.
inline constexpr char kSecretsFolder[] = "/run/secrets";

// All that is told of a secret: never its value.
struct SecretInfo {
  std::string name;
  uint64_t bytes = 0;
  WallTime set_at{};
};

// Of a secret, or of the file that it is seen as: no path leads out of its folder.
Status ValidateSecretName(std::string_view name);
// "NAME" or "NAME:FILE".
Result<SecretUse> ParseSecretUse(std::string_view text);
std::string TextOf(const SecretUse& use);
// Their number, and that no two are the same file; not whether they exist.
Status ValidateSecretUses(const std::vector<SecretUse>& secrets);

}  // namespace hearth
