#include <string>

#include <nlohmann/json.hpp>

#include "runtime/model/log_settings.h"

namespace hearth {

uint8_t LevelOfPrinted(std::string_view line) {
  if (!IsJsonLine(line)) return kLogInfo;
  const auto object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto level = object.find("level");
  if (level == object.end() || !level->is_string()) return kLogInfo;
  return ParseLogLevel(level->get_ref<const std::string&>()).value_or(kLogInfo);
}

}  // namespace hearth
