#include <nlohmann/json.hpp>

#include "runtime/model/function_scaling.h"

namespace hearth {

using nlohmann::json;

std::string EncodeScalingJson(const FunctionScaling& scaling) {
  json document = json::object();
  if (scaling.reserved_concurrency) document["reserved_concurrency"] = *scaling.reserved_concurrency;
  return document.dump();
}

Result<FunctionScaling> DecodeScalingJson(std::string_view text) {
  try {
    const json document = json::parse(text);
    FunctionScaling scaling;
    if (document.contains("reserved_concurrency"))
      scaling.reserved_concurrency = document.at("reserved_concurrency").get<uint32_t>();
    return scaling;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, std::string("stored scaling of a function: ") + e.what()};
  }
}

}  // namespace hearth
