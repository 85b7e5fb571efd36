#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// A JSON value as filter patterns see it: numbers keep the way they were written, since an account number of
// 16 digits does not survive a double.
struct FilterValue {
  enum class Kind : uint8_t { kNull, kTrue, kFalse, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  std::string text{};                   // the string, or the number as it was written
  double number = 0;                    // kNumber
  std::vector<std::string> keys{};      // kObject: names of `elements`, in the document's order
  std::vector<FilterValue> elements{};  // kArray, kObject

  static FilterValue String(std::string text) { return {.kind = Kind::kString, .text = std::move(text)}; }
  static FilterValue Object() { return {.kind = Kind::kObject}; }
  void Add(std::string key, FilterValue value) {
    keys.push_back(std::move(key));
    elements.push_back(std::move(value));
  }
  // The last of that name, as JSON readers agree; nullptr when there is none, or this is no object.
  const FilterValue* Find(std::string_view key) const;
  bool is_leaf() const { return kind != Kind::kArray && kind != Kind::kObject; }
};

// Nothing when the text is no JSON, or nests deeper than kForeignJsonDepthMax.
std::optional<FilterValue> ParseFilterValue(std::string_view json);

}  // namespace hearth
