#include "runtime/base/json_scan.h"

#include <bitset>

#include "runtime/base/check.h"
#include "runtime/base/json_depth.h"
#include "runtime/base/json_text.h"

namespace hearth {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Goes over the text once. Each Take...() stands before what it takes, and behind it when it returns true.
class Scanner final {
 public:
  Scanner(std::string_view text, size_t levels_max, std::string_view member)
      : text_(text), levels_max_(levels_max), member_(member) {}

  JsonScan Run() {
    SkipSpace();
    result_.root = RootAt(Peek());
    if (!TakeValues()) return result_;  // kMalformed, or kTooDeep
    SkipSpace();
    if (at_ == text_.size()) result_.verdict = JsonScan::Verdict::kValid;
    return result_;
  }

 private:
  static JsonScan::Root RootAt(char c) {
    switch (c) {
      case '{':
        return JsonScan::Root::kObject;
      case '[':
        return JsonScan::Root::kArray;
      case '"':
        return JsonScan::Root::kString;
      default:
        return JsonScan::Root::kOther;
    }
  }

  // NUL stands for the end: it is nowhere legal.
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (Peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }

  // One value with all that lies in it. Which levels are objects is kept in a bit each, not on the stack.
  bool TakeValues() {
    while (true) {
      SkipSpace();
      if (Peek() == '{' || Peek() == '[') {
        if (!Open()) return false;
        if (!Closes()) {
          if (InObject() && !TakeName()) return false;
          continue;
        }
      } else if (!TakeScalar()) {
        return false;
      }
      // A value has ended, and with it perhaps what it lies in.
      while (level_ > 0) {
        SkipSpace();
        if (Take(',')) break;
        if (!Closes()) return false;
      }
      if (level_ == 0) return true;
      if (InObject() && !TakeName()) return false;
    }
  }

  bool Open() {
    if (level_ == levels_max_) {
      result_.verdict = JsonScan::Verdict::kTooDeep;
      return false;
    }
    is_object_[level_++] = text_[at_++] == '{';
    return true;
  }
  bool InObject() const { return is_object_[level_ - 1]; }
  bool Closes() {
    SkipSpace();
    if (!Take(InObject() ? '}' : ']')) return false;
    --level_;
    return true;
  }

  bool TakeName() {
    SkipSpace();
    const size_t begin = at_ + 1;
    if (!TakeString()) return false;
    if (level_ == 1 && !member_.empty() && !result_.may_have_member) {
      const std::string_view name = text_.substr(begin, at_ - 1 - begin);
      result_.may_have_member = name == member_ || name.find('\\') != std::string_view::npos;
    }
    SkipSpace();
    return Take(':');
  }

  bool TakeScalar() {
    switch (Peek()) {
      case '"':
        return TakeString();
      case 't':
        return TakeWord("true");
      case 'f':
        return TakeWord("false");
      case 'n':
        return TakeWord("null");
      default:
        return TakeNumber();
    }
  }

  bool TakeWord(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool TakeDigits() {
    if (!IsDigit(Peek())) return false;
    while (IsDigit(Peek())) ++at_;
    return true;
  }

  bool TakeNumber() {
    constexpr size_t kDigitsSure = 300;  // a double's range has 308 of them before the point
    const size_t begin = at_;
    (void)Take('-');
    if (!Take('0') && !TakeDigits()) return false;
    if (at_ - begin > kDigitsSure) result_.may_pass_double = true;
    if (Take('.') && !TakeDigits()) return false;
    if (!Take('e') && !Take('E')) return true;
    result_.may_pass_double = true;
    if (!Take('+')) (void)Take('-');
    return TakeDigits();
  }

  bool TakeString() {
    if (!Take('"')) return false;
    while (true) {
      at_ += PlainJsonPrefix(text_.substr(at_));
      if (Take('"')) return true;
      if (Peek() == '\\') {
        if (!TakeEscape()) return false;
        continue;
      }
      // A letter of several bytes; else the end, a control, or what is no UTF-8.
      const bool several = static_cast<unsigned char>(Peek()) >= 0x80;
      const size_t length = several ? Utf8SequenceAt(text_, at_) : 0;
      if (length == 0) return false;
      at_ += length;
    }
  }

  bool TakeEscape() {
    ++at_;
    const char kind = Peek();
    if (std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos && at_ < text_.size()) {
      ++at_;
      return true;
    }
    if (!Take('u')) return false;
    const unsigned code = TakeFourHexDigits();
    if (code >= 0xD800 && code <= 0xDBFF) {  // the first half of a pair
      if (!Take('\\') || !Take('u')) return false;
      const unsigned second = TakeFourHexDigits();
      return second >= 0xDC00 && second <= 0xDFFF;
    }
    return code < 0xDC00 || (code > 0xDFFF && code <= 0xFFFF);
  }

  // Over 0xFFFF when they are not there.
  unsigned TakeFourHexDigits() {
    unsigned code = 0;
    for (int digit = 0; digit < 4; ++digit) {
      const char c = Peek();
      if (!IsHexDigit(c)) return 0x10000;
      code = code << 4 | static_cast<unsigned>(IsDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
      ++at_;
    }
    return code;
  }

  // Constant after construction.
  const std::string_view text_;
  const size_t levels_max_;
  const std::string_view member_;
  // Mutable.
  size_t at_ = 0;
  size_t level_ = 0;
  std::bitset<kForeignJsonDepthMax> is_object_;
  JsonScan result_;
};

}  // namespace

JsonScan ScanJson(std::string_view json, size_t levels_max, std::string_view member) {
  CHECK_TRUE(levels_max <= kForeignJsonDepthMax);
  return Scanner(json, levels_max, member).Run();
}

}  // namespace hearth
