#include "runtime/telemetry/log_json.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/base/json_scan.h"
#include "runtime/base/json_text.h"
#include "runtime/model/log_settings.h"
#include "runtime/model/platform_event.h"

namespace hearth {
namespace {

constexpr std::array<std::string_view, 4> kOwnMembers = {"timestamp", "level", "requestId", "message"};
constexpr size_t kFieldsLevelsMax = 64;

// Whether they can stand beside our own members as they are.
bool StandBeside(std::string_view fields) {
  return std::none_of(kOwnMembers.begin(), kOwnMembers.end(), [&](std::string_view own) {
    return ScanJson(fields, kFieldsLevelsMax, own).may_have_member;
  });
}

bool IsObject(std::string_view json) {
  const JsonScan scan = ScanJson(json, kFieldsLevelsMax);
  return scan.verdict == JsonScan::Verdict::kValid && scan.root == JsonScan::Root::kObject;
}

// What is between an object's braces, blanks at both ends gone.
std::string_view MembersOf(std::string_view object) {
  constexpr std::string_view kBlanks = " \t\r\n";
  object = object.substr(object.find('{') + 1);
  object = object.substr(0, object.rfind('}'));
  const size_t begin = std::min(object.find_first_not_of(kBlanks), object.size());
  return object.substr(begin, object.find_last_not_of(kBlanks) + 1 - begin);
}

void AddFields(JsonObjectText& entry, std::string& out, std::string_view fields) {
  if (fields.empty()) return;
  if (!IsObject(fields)) {
    entry.String("fields", fields);
  } else if (!StandBeside(fields)) {
    entry.Member("fields") += fields;
  } else if (const std::string_view members = MembersOf(fields); !members.empty()) {
    out.append(",").append(members);
  }
}

std::string ApplicationEntry(const StoredLogLine& line) {
  std::string out;
  JsonObjectText entry(out);
  entry.String("timestamp", ToIso8601Millis(line.time));
  entry.String("level", LogLevelName(line.level));
  if (!line.request_id.empty()) entry.String("requestId", line.request_id);
  if (line.source == LogSource::kHandler && line.fields_json.empty() && IsJsonLine(line.message)) {
    entry.Member("message") += line.message;
  } else {
    entry.String("message", line.message);
  }
  AddFields(entry, out, line.fields_json);
  entry.End();
  return out;
}

std::string PlatformEntry(const StoredLogLine& line) {
  const std::string event =
      line.fields_json.empty() ? NoticeEvent(line.request_id, line.message) : line.fields_json;
  return "{\"time\":\"" + ToIso8601Millis(line.time) + "\"," + event.substr(1);
}

}  // namespace

std::string LogEntryJson(const StoredLogLine& line) {
  if (line.source == LogSource::kPlatform) return PlatformEntry(line);
  const bool printed = line.source != LogSource::kHandler;
  return printed && IsJsonLine(line.message) ? line.message : ApplicationEntry(line);
}

}  // namespace hearth
