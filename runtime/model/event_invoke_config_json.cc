#include <nlohmann/json.hpp>

#include "runtime/model/event_invoke_config.h"

namespace hearth {

using nlohmann::json;

std::string EncodeEventInvokeJson(const EventInvokeConfig& config) {
  json document = {{"on_success", config.on_success},
                   {"on_failure", config.on_failure},
                   {"modified_us", config.modified.time_since_epoch().count()}};
  if (config.retries_max) document["retries_max"] = *config.retries_max;
  if (config.age_max) document["age_max_s"] = config.age_max->count();
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<EventInvokeConfig> DecodeEventInvokeJson(std::string_view text) {
  try {
    const json document = json::parse(text);
    EventInvokeConfig config;
    if (document.contains("retries_max")) config.retries_max = document.at("retries_max").get<uint32_t>();
    if (document.contains("age_max_s")) config.age_max = seconds(document.at("age_max_s").get<int64_t>());
    config.on_success = document.value("on_success", "");
    config.on_failure = document.value("on_failure", "");
    config.modified = WallTime(microseconds(document.value("modified_us", int64_t{0})));
    return config;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, std::string("stored event invoke configuration: ") + e.what()};
  }
}

}  // namespace hearth
