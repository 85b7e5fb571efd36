#include "runtime/base/log.h"

#include <unistd.h>

namespace hearth {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

void AppendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
      out += escape;
    } else {
      out += c;
    }
  }
}

}  // namespace

void TextLog::Write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < least_) return;
  std::string line = ToIso8601Millis(clock_.WallNow());
  line += ' ';
  line += kNames[static_cast<int>(level)];
  line += ' ';
  AppendEscaped(line, message);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    AppendEscaped(line, field.value);
  }
  line += '\n';
  [[maybe_unused]] const ssize_t written = ::write(fd_, line.data(), line.size());
}

}  // namespace hearth
