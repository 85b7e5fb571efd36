#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/result.h"
#include "runtime/model/function.h"

namespace hearth {

// Limits, as in docs/specification.md: Lambda's.
inline constexpr size_t kLayerNameBytesMax = 140;
inline constexpr size_t kLayersMax = 5;  // of one function
inline constexpr size_t kLayerDescriptionBytesMax = 256;
inline constexpr size_t kLayerLicenseBytesMax = 512;
inline constexpr size_t kLayerRuntimesMax = 15;

// One published zip that functions see unpacked at /opt. Immutable.
struct LayerVersion {
  std::string name;
  uint64_t number = 0;  // from 1 on, never used again
  std::string arn;      // arn:aws:lambda:REGION:ACCOUNT:layer:NAME:NUMBER
  std::string description;
  std::string license;
  std::vector<std::string> runtimes, architectures;  // what the publisher says of it; nothing checks it
  WallTime created{};
  CodeArtefact content;
};

// What the ARN of a layer's version says.
struct LayerReference {
  std::string region;
  std::string account;
  std::string name;
  uint64_t number = 0;
};

Status ValidateLayerName(std::string_view name);
// kInvalidArgument says what it should look like.
Result<LayerReference> ParseLayerArn(std::string_view arn);
// Their number, and that no layer is there twice; not whether they exist.
Status ValidateLayerUses(const std::vector<LayerUse>& layers);

// Stored form.
std::string EncodeLayerJson(const LayerVersion& layer);
Result<LayerVersion> DecodeLayerJson(std::string_view json);

}  // namespace hearth
