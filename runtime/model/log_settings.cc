#include "runtime/model/log_settings.h"

#include <cstddef>

#include "runtime/base/json_scan.h"

namespace hearth {
namespace {

// A line has 8 KiB; nobody's logger nests deeper.
constexpr size_t kLineLevelsMax = 64;

}  // namespace

bool IsJsonLine(std::string_view line) {
  if (line.empty() || line.front() != '{') return false;
  const JsonScan scan = ScanJson(line, kLineLevelsMax);
  return scan.verdict == JsonScan::Verdict::kValid && scan.root == JsonScan::Root::kObject;
}

}  // namespace hearth
