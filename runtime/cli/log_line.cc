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

// The entry as it stands in the line, whose last member it is: what is escaped in it stays so, and a number that is too
// large for us is none of our business. "" where there is none. No string before it can have these bytes, since a quote
// in a string has a backslash; the fields of a line in the text format can, but these lines we can read.
std::string_view EntryOf(std::string_view json, const Json& line) {
  constexpr std::string_view kBefore = ",\"entry\":";
  const size_t begin = json.find(kBefore);
  if (begin == std::string_view::npos || (line.is_object() && !line.contains("entry"))) return "";
  json.remove_prefix(begin + kBefore.size());
  return json.substr(0, json.rfind('}'));
}

}  // namespace

std::string LogLineText(const std::string& json) {
  const Json line = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (const std::string_view entry = EntryOf(json, line); !entry.empty()) return Printable(entry);
  if (!line.is_object()) return Printable(json);
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
