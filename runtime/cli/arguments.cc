#include "runtime/cli/arguments.h"

#include <algorithm>
#include <charconv>

#include "runtime/base/nearest.h"
#include "runtime/cli/exit_code.h"

namespace hearth::cli {
namespace {

const Flag* FindFlag(const std::vector<Flag>& flags, const std::string& name) {
  const auto found = std::find_if(flags.begin(), flags.end(), [&](const Flag& flag) {
    return flag.name == name || (!flag.letter.empty() && flag.letter == name);
  });
  return found == flags.end() ? nullptr : &*found;
}

Error UnknownFlag(const std::string& name, const std::vector<Flag>& flags) {
  std::vector<std::string> known{"--help"};
  for (const Flag& flag : flags) known.push_back(flag.name);
  return UsageError("unknown flag " + name + Suggestion(name, known));
}

bool IsRequired(const std::string& positional) { return !positional.starts_with('['); }

Status CheckWords(const std::vector<std::string>& words, const std::vector<std::string>& positionals) {
  if (words.size() > positionals.size()) {
    return UsageError("\"" + words[positionals.size()] + "\" is one word too many");
  }
  if (words.size() < positionals.size() && IsRequired(positionals[words.size()])) {
    return UsageError(positionals[words.size()] + " is missing");
  }
  return Ok();
}

}  // namespace

std::string Suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = Nearest(word, known);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

Result<Arguments> Arguments::Parse(const std::vector<std::string>& words, const std::vector<Flag>& flags,
                                   const std::vector<std::string>& positionals) {
  Arguments parsed;
  bool only_words = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (only_words || word.size() < 2 || word.front() != '-') {
      parsed.words_.push_back(word);
      continue;
    }
    only_words = word == "--";
    if (only_words) continue;
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const std::string name = word.substr(0, equals);
    const Flag* flag = FindFlag(flags, name);
    if (!flag) return UnknownFlag(name, flags);
    if (flag->repeat == Repeat::kOnce && parsed.Has(flag->name)) return UsageError(name + " is given twice");
    std::string value;
    if (equals != std::string::npos) {
      if (flag->value.empty()) return UsageError(name + " takes no value");
      value = word.substr(equals + 1);
    } else if (!flag->value.empty()) {
      if (++i == words.size()) return UsageError(name + " needs a value: " + name + " " + flag->value);
      value = words[i];
    }
    parsed.values_[flag->name].push_back(std::move(value));
  }
  HEARTH_TRY(CheckWords(parsed.words_, positionals));
  return parsed;
}

std::string Arguments::Text(const std::string& flag, std::string fallback) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? std::move(fallback) : found->second.back();
}

std::vector<std::string> Arguments::All(const std::string& flag) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<std::optional<int64_t>> Arguments::Number(const std::string& flag, int64_t least, int64_t most) const {
  if (!Has(flag)) return std::optional<int64_t>();
  const std::string text = Text(flag);
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return UsageError(flag + " \"" + text + "\" is not a whole number from " + std::to_string(least) +
                      " to " + std::to_string(most));
  }
  return std::optional<int64_t>(value);
}

}  // namespace hearth::cli
