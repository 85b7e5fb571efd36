#pragma once

#include <cstddef>
#include <string_view>

namespace hearth {

// What one look at a JSON text tells.
struct JsonScan {
  enum class Verdict { kValid, kMalformed, kTooDeep };
  enum class Root { kObject, kArray, kString, kOther };

  Verdict verdict = Verdict::kMalformed;
  Root root = Root::kOther;  // this and the next: of a valid text only
  bool may_have_member =
      false;  // the root object has the member that was asked for, or one written with escapes
  bool may_pass_double = false;  // there is a number with an exponent, or with very many digits
};

// Reads a whole text against RFC 8259, its strings against UTF-8, and builds nothing: for texts that are passed on
// as they are, at about the speed at which they are copied. `levels_max`: arrays and objects that may lie in each
// other, at most 256.
JsonScan ScanJson(std::string_view json, size_t levels_max, std::string_view member = {});

}  // namespace hearth
