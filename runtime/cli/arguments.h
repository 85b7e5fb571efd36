#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace hearth::cli {

enum class Repeat { kOnce, kMany };

// One flag of a command. `value` is its placeholder in the help; a flag without one is a switch.
struct Flag {
  std::string name;  // "--name"
  std::string value{};
  std::string help{};
  Repeat repeat = Repeat::kOnce;
  std::string letter{};  // "-f"
};

// What a command line asked of one command: its positional words and the values of its flags.
class Arguments final {
 public:
  // `positionals` are placeholders: "NAME" is required, "[NAME]" may be left out. Flags and words come in any
  // order; "--flag value" and "--flag=value"; everything after "--" is a word, and so is "-".
  // kInvalidArgument: unknown flag (with the nearest that there is), missing value, word too few or too many.
  static Result<Arguments> Parse(const std::vector<std::string>& words, const std::vector<Flag>& flags,
                                 const std::vector<std::string>& positionals);

  bool Has(const std::string& flag) const { return values_.contains(flag); }
  std::string Text(const std::string& flag, std::string fallback = "") const;
  std::vector<std::string> All(const std::string& flag) const;
  // A whole number in [least, most]; nothing when the flag was not given.
  Result<std::optional<int64_t>> Number(const std::string& flag, int64_t least, int64_t most) const;
  // The positional word of that index, or "".
  std::string Word(size_t index) const { return index < words_.size() ? words_[index] : ""; }
  bool HasWord(size_t index) const { return index < words_.size(); }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> words_;
};

// ": did you mean \"deploy\"?", or "" when nothing is near.
std::string Suggestion(const std::string& word, const std::vector<std::string>& known);

}  // namespace hearth::cli
