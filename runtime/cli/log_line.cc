#include "runtime/cli/log_line.h"

#include "runtime/cli/session.h"
#include "runtime/cli/text_table.h"

namespace hearth::cli {
namespace {

// Enough to tell requests of one screen apart.
constexpr size_t kRequestDigits = 8;

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

}  // namespace

std::string LogLineText(const std::string& json) {
  const Json line = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return Printable(json);
  if (line.contains("entry")) return Printable(DumpJson(line["entry"]));
  const std::string level = TextOf(line, "level").empty() ? TextOf(line, "source") : TextOf(line, "level");
  std::string text = TextOf(line, "time") + " " +
                     Padded(TextOf(line, "request_id").substr(0, kRequestDigits), 8) + " " +
                     Padded(level, 8) + " " + TextOf(line, "message");
  const Json fields = line.value("fields", Json::object());
  for (const auto& [name, value] : fields.items()) {
    text += " " + name + "=" + (value.is_string() ? value.get<std::string>() : DumpJson(value));
  }
  return Printable(text);
}

void LineCutter::Add(std::string_view piece) {
  for (size_t end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    begun_ += piece.substr(0, end);
    take_(begun_);
    begun_.clear();
    piece.remove_prefix(end + 1);
  }
  begun_ += piece;
}

}  // namespace hearth::cli
