#include <nlohmann/json.hpp>

#include "runtime/model/function_scaling.h"

namespace hearth {

using nlohmann::json;

std::string EncodeScalingJson(const FunctionScaling& scaling) {
  json document = json::object();
  if (scaling.reserved_concurrency) document["reserved_concurrency"] = *scaling.reserved_concurrency;
  if (scaling.idle_time_out) document["idle_time_out_s"] = scaling.idle_time_out->count();
  document["workers_min"] = scaling.workers_min;
  document["workers_spare"] = scaling.workers_spare;
  return document.dump();
}

Result<FunctionScaling> DecodeScalingJson(std::string_view text) {
  try {
    const json document = json::parse(text);
    FunctionScaling scaling;
    if (document.contains("reserved_concurrency"))
      scaling.reserved_concurrency = document.at("reserved_concurrency").get<uint32_t>();
    if (document.contains("idle_time_out_s"))
      scaling.idle_time_out = seconds(document.at("idle_time_out_s").get<int64_t>());
    scaling.workers_min = document.value("workers_min", 0U);
    scaling.workers_spare = document.value("workers_spare", 0U);
    return scaling;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, std::string("stored scaling of a function: ") + e.what()};
  }
}

}  // namespace hearth
