#include "triggers/queue/filter_matcher.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

#include <algorithm>
#include <cmath>

#include "runtime/base/json_text.h"

namespace hearth {
namespace {

using Kind = FilterMatcher::Kind;

Error Invalid(std::string why) { return {ErrorCode::kInvalidArgument, std::move(why)}; }

Result<FilterMatcher> CompileText(Kind kind, const FilterValue& operand, std::string_view name) {
  if (operand.kind != FilterValue::Kind::kString) return Invalid(std::string(name) + " needs a string");
  return FilterMatcher{.kind = kind, .text = operand.text};
}

Result<FilterMatcher> CompileFolded(Kind kind, const FilterValue& operand, std::string_view name) {
  HEARTH_ASSIGN(FilterMatcher matcher, CompileText(kind, operand, name));
  matcher.text = FoldCase(matcher.text);
  return matcher;
}

// "x", or {"equals-ignore-case": "x"}
Result<FilterMatcher> CompileAffix(Kind kind, Kind ignoring_case, const FilterValue& operand,
                                   std::string_view name) {
  const FilterValue* folded = operand.Find("equals-ignore-case");
  if (folded && operand.elements.size() == 1) return CompileFolded(ignoring_case, *folded, name);
  return CompileText(kind, operand, name);
}

Result<FilterMatcher> CompileWildcard(const FilterValue& operand) {
  HEARTH_ASSIGN(FilterMatcher matcher, CompileText(Kind::kWildcard, operand, "wildcard"));
  matcher.pieces.emplace_back();
  bool after_star = false;
  for (size_t i = 0; i < matcher.text.size(); ++i) {
    const char c = matcher.text[i];
    if (c == '*') {
      if (after_star) return Invalid("wildcard may not have two * side by side");
      matcher.pieces.emplace_back();
      after_star = true;
      continue;
    }
    after_star = false;
    if (c == '\\') {
      const char next = i + 1 < matcher.text.size() ? matcher.text[i + 1] : '\0';
      if (next != '*' && next != '\\') return Invalid("wildcard: a backslash stands only before * or \\");
      ++i;
    }
    matcher.pieces.back() += matcher.text[i];
  }
  return matcher;
}

Status ReadBound(const std::string& op, double value, FilterMatcher& range) {
  const bool has_above = !std::isinf(range.above);
  const bool has_below = !std::isinf(range.below);
  if (op == "=" && !has_above && !has_below) {
    range.above = range.below = value;
  } else if ((op == ">" || op == ">=") && !has_above) {
    range.above = value;
    range.includes_above = op == ">=";
  } else if ((op == "<" || op == "<=") && !has_below) {
    range.below = value;
    range.includes_below = op == "<=";
  } else {
    return Invalid("numeric takes \"=\", or one of \">\", \">=\" and one of \"<\", \"<=\"");
  }
  return Ok();
}

Result<FilterMatcher> CompileNumeric(const FilterValue& operand) {
  const auto& parts = operand.elements;
  if (operand.kind != FilterValue::Kind::kArray || (parts.size() != 2 && parts.size() != 4)) {
    return Invalid("numeric needs a list like [\">\", 0, \"<=\", 5]");
  }
  FilterMatcher range{.kind = Kind::kNumericRange};
  for (size_t i = 0; i < parts.size(); i += 2) {
    if (parts[i].kind != FilterValue::Kind::kString) return Invalid("numeric: an operator must be a string");
    if (parts[i + 1].kind != FilterValue::Kind::kNumber || !std::isfinite(parts[i + 1].number)) {
      return Invalid("numeric: what follows \"" + parts[i].text + "\" must be a number");
    }
    HEARTH_TRY(ReadBound(parts[i].text, parts[i + 1].number, range));
  }
  const bool empty = range.above > range.below ||
                     (range.above == range.below && !(range.includes_above && range.includes_below));
  if (empty) return Invalid("numeric: no number lies in that range");
  return range;
}

Result<FilterMatcher> CompileExists(const FilterValue& operand) {
  if (operand.kind == FilterValue::Kind::kTrue) return FilterMatcher{.kind = Kind::kExists};
  if (operand.kind == FilterValue::Kind::kFalse) return FilterMatcher{.kind = Kind::kAbsent};
  return Invalid("exists must be true or false");
}

Result<FilterMatcher> CompileOperator(const std::string& name, const FilterValue& operand);

// Each element of a list alike: strings or numbers, not both.
Status AddExcluded(const FilterValue& operand, FilterMatcher& but) {
  const auto& list = operand.elements;
  if (list.empty()) return Invalid("anything-but needs at least one value");
  for (const FilterValue& one : list) {
    const bool fits = one.kind == FilterValue::Kind::kString || one.kind == FilterValue::Kind::kNumber;
    if (!fits || one.kind != list[0].kind)
      return Invalid("anything-but: a list has only strings or only numbers");
    HEARTH_ASSIGN(FilterMatcher excluded, CompileFilterMatcher(one));
    but.but.push_back(std::move(excluded));
  }
  return Ok();
}

// {"anything-but": {"prefix": "a"}} or {"prefix": ["a", "b"]}; suffix, equals-ignore-case and wildcard alike.
Status AddExcludedForm(const FilterValue& operand, FilterMatcher& but) {
  static constexpr std::string_view kForms[] = {"prefix", "suffix", "equals-ignore-case", "wildcard"};
  if (operand.elements.size() != 1 ||
      std::find(std::begin(kForms), std::end(kForms), operand.keys[0]) == std::end(kForms)) {
    return Invalid("anything-but: an object has one of prefix, suffix, equals-ignore-case, wildcard");
  }
  const FilterValue& form = operand.elements[0];
  if (form.kind != FilterValue::Kind::kArray) {
    HEARTH_ASSIGN(FilterMatcher excluded, CompileOperator(operand.keys[0], form));
    but.but.push_back(std::move(excluded));
    return Ok();
  }
  if (form.elements.empty()) return Invalid("anything-but needs at least one value");
  for (const FilterValue& one : form.elements) {
    HEARTH_ASSIGN(FilterMatcher excluded, CompileOperator(operand.keys[0], one));
    but.but.push_back(std::move(excluded));
  }
  return Ok();
}

Result<FilterMatcher> CompileAnythingBut(const FilterValue& operand) {
  FilterMatcher matcher{.kind = Kind::kAnythingBut};
  switch (operand.kind) {
    case FilterValue::Kind::kString:
    case FilterValue::Kind::kNumber: {
      HEARTH_ASSIGN(FilterMatcher excluded, CompileFilterMatcher(operand));
      matcher.but.push_back(std::move(excluded));
      return matcher;
    }
    case FilterValue::Kind::kArray:
      HEARTH_TRY(AddExcluded(operand, matcher));
      return matcher;
    case FilterValue::Kind::kObject:
      HEARTH_TRY(AddExcludedForm(operand, matcher));
      return matcher;
    default:
      return Invalid("anything-but needs a string, a number, a list of them, or one of its forms");
  }
}

Result<FilterMatcher> CompileOperator(const std::string& name, const FilterValue& operand) {
  if (name == "prefix") return CompileAffix(Kind::kPrefix, Kind::kPrefixIgnoreCase, operand, name);
  if (name == "suffix") return CompileAffix(Kind::kSuffix, Kind::kSuffixIgnoreCase, operand, name);
  if (name == "equals-ignore-case") return CompileFolded(Kind::kEqualsIgnoreCase, operand, name);
  if (name == "wildcard") return CompileWildcard(operand);
  if (name == "numeric") return CompileNumeric(operand);
  if (name == "exists") return CompileExists(operand);
  if (name == "anything-but") return CompileAnythingBut(operand);
  return Invalid(
      "\"" + name +
      "\" is no operator; there are prefix, suffix, equals-ignore-case, wildcard, numeric, exists, "
      "anything-but");
}

bool SameNumber(const FilterMatcher& matcher, const FilterValue& leaf) {
  if (leaf.kind != FilterValue::Kind::kNumber) return false;
  return matcher.text == leaf.text ||
         (matcher.number == leaf.number && std::abs(leaf.number) <= kFilterNumberExactMax);
}

bool InRange(const FilterMatcher& range, const FilterValue& leaf) {
  if (leaf.kind != FilterValue::Kind::kNumber) return false;
  const double x = leaf.number;
  return (range.includes_above ? x >= range.above : x > range.above) &&
         (range.includes_below ? x <= range.below : x < range.below);
}

// Each piece at its first place after the one before: a later place could only leave less for the rest.
bool MatchesWildcard(const std::vector<std::string>& pieces, std::string_view text) {
  if (pieces.size() == 1) return text == pieces[0];
  if (!text.starts_with(pieces.front())) return false;
  text.remove_prefix(pieces.front().size());
  for (size_t i = 1; i + 1 < pieces.size(); ++i) {
    const auto* found =
        static_cast<const char*>(memmem(text.data(), text.size(), pieces[i].data(), pieces[i].size()));
    if (!found) return false;
    text.remove_prefix(static_cast<size_t>(found - text.data()) + pieces[i].size());
  }
  return text.ends_with(pieces.back());
}

bool MatchesText(const FilterMatcher& matcher, const std::string& text) {
  switch (matcher.kind) {
    case Kind::kString:
      return text == matcher.text;
    case Kind::kPrefix:
      return text.starts_with(matcher.text);
    case Kind::kSuffix:
      return text.ends_with(matcher.text);
    case Kind::kPrefixIgnoreCase:
      return FoldCase(text).starts_with(matcher.text);
    case Kind::kSuffixIgnoreCase:
      return FoldCase(text).ends_with(matcher.text);
    case Kind::kEqualsIgnoreCase:
      return FoldCase(text) == matcher.text;
    case Kind::kWildcard:
      return MatchesWildcard(matcher.pieces, text);
    default:
      return false;
  }
}

locale_t Utf8Locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

uint32_t LetterOf(std::string_view sequence) {
  uint32_t letter = static_cast<unsigned char>(sequence[0]) & (0xFFU >> (sequence.size() + 1));
  for (const char c : sequence.substr(1)) letter = (letter << 6) | (static_cast<unsigned char>(c) & 0x3FU);
  return letter;
}

void Encode(uint32_t letter, std::string& out) {
  if (letter < 0x80) {
    out += static_cast<char>(letter);
    return;
  }
  const int more = letter < 0x800 ? 1 : letter < 0x10000 ? 2 : 3;
  constexpr uint32_t kFirst[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kFirst[more] | letter >> (6 * more));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80U | (letter >> (6 * i) & 0x3FU));
}

}  // namespace

Result<FilterMatcher> CompileFilterMatcher(const FilterValue& element) {
  switch (element.kind) {
    case FilterValue::Kind::kNull:
      return FilterMatcher{.kind = Kind::kNull};
    case FilterValue::Kind::kTrue:
      return FilterMatcher{.kind = Kind::kTrue};
    case FilterValue::Kind::kFalse:
      return FilterMatcher{.kind = Kind::kFalse};
    case FilterValue::Kind::kNumber:
      return FilterMatcher{.kind = Kind::kNumber, .text = element.text, .number = element.number};
    case FilterValue::Kind::kString:
      return FilterMatcher{.kind = Kind::kString, .text = element.text};
    case FilterValue::Kind::kObject:
      if (element.elements.size() == 1) return CompileOperator(element.keys[0], element.elements[0]);
      return Invalid("an object in a list has exactly one operator");
    case FilterValue::Kind::kArray:
      break;
  }
  return Invalid("a list holds strings, numbers, true, false, null and operators, not another list");
}

bool Matches(const FilterMatcher& matcher, const FilterValue& leaf) {
  switch (matcher.kind) {
    case Kind::kNull:
      return leaf.kind == FilterValue::Kind::kNull;
    case Kind::kTrue:
      return leaf.kind == FilterValue::Kind::kTrue;
    case Kind::kFalse:
      return leaf.kind == FilterValue::Kind::kFalse;
    case Kind::kNumber:
      return SameNumber(matcher, leaf);
    case Kind::kNumericRange:
      return InRange(matcher, leaf);
    case Kind::kExists:
      return true;
    case Kind::kAbsent:
      return false;
    case Kind::kAnythingBut:
      return std::none_of(matcher.but.begin(), matcher.but.end(),
                          [&](const FilterMatcher& but) { return Matches(but, leaf); });
    default:
      return leaf.kind == FilterValue::Kind::kString && MatchesText(matcher, leaf.text);
  }
}

std::string FoldCase(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t length = c < 0x80 || !Utf8Locale() ? 0 : Utf8SequenceAt(text, i);
    if (length == 0) {
      folded += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
      ++i;
      continue;
    }
    Encode(towlower_l(static_cast<wint_t>(LetterOf(text.substr(i, length))), Utf8Locale()), folded);
    i += length;
  }
  return folded;
}

}  // namespace hearth
