#include "runtime/model/layer.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "runtime/model/arn.h"

namespace hearth {
namespace {

constexpr std::string_view kResource = "layer:";

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// As it is written: "1", not "01" nor "0".
std::optional<uint64_t> NumberOf(std::string_view text) {
  uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.starts_with('0') || failure != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

}  // namespace

Status ValidateLayerName(std::string_view name) {
  if (!name.empty() && name.size() <= kLayerNameBytesMax &&
      std::all_of(name.begin(), name.end(), IsNameCharacter))
    return Ok();
  return Invalid("layer name \"" + std::string(name.substr(0, kLayerNameBytesMax)) + "\" must be 1 to " +
                 std::to_string(kLayerNameBytesMax) + " letters, digits, '-' and '_'");
}

Result<LayerReference> ParseLayerArn(std::string_view text) {
  const Error no_layer = Invalid(
      "\"" + std::string(text.substr(0, kArnBytesMax)) +
      "\" is not the ARN of a layer's version, as arn:aws:lambda:us-east-1:000000000000:layer:NAME:1");
  const auto arn = ParseArn(text);
  if (!arn.ok() || arn->service != "lambda" || !arn->resource.starts_with(kResource)) return no_layer;
  const std::string_view name_and_number = std::string_view(arn->resource).substr(kResource.size());
  const size_t colon = name_and_number.find(':');
  if (colon == std::string_view::npos) return no_layer;
  const auto number = NumberOf(name_and_number.substr(colon + 1));
  LayerReference layer{arn->region, arn->account, std::string(name_and_number.substr(0, colon)), 0};
  if (!number || !ValidateLayerName(layer.name).ok()) return no_layer;
  layer.number = *number;
  return layer;
}

Status ValidateLayerUses(const std::vector<LayerUse>& layers) {
  if (layers.size() > kLayersMax) {
    return Invalid("the function names " + std::to_string(layers.size()) + " layers; the limit is " +
                   std::to_string(kLayersMax));
  }
  std::map<std::string, std::string> seen;
  for (const LayerUse& use : layers) {
    HEARTH_ASSIGN(const LayerReference layer, ParseLayerArn(use.arn));
    const auto [other, first] = seen.emplace(layer.name, use.arn);
    if (first) continue;
    return Invalid(
        "Two different versions of the same layer are not allowed to be referenced in the same function. " +
        other->second + " and " + use.arn + " are versions of the same layer");
  }
  return Ok();
}

}  // namespace hearth
