#include <nlohmann/json.hpp>

#include "runtime/base/json_depth.h"
#include "triggers/queue/filter_value.h"

namespace hearth {
namespace {

using nlohmann::json;
using Kind = FilterValue::Kind;

// Builds the value from the parser's events. `open_` points into the tree: a container grows only while it is the
// innermost open one, so nothing below a pointer moves.
class ValueBuilder final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return Put({.kind = Kind::kNull}); }
  bool boolean(bool value) override { return Put({.kind = value ? Kind::kTrue : Kind::kFalse}); }
  bool number_integer(number_integer_t value) override {
    return Put({.kind = Kind::kNumber, .text = std::to_string(value), .number = static_cast<double>(value)});
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Put({.kind = Kind::kNumber, .text = std::to_string(value), .number = static_cast<double>(value)});
  }
  bool number_float(number_float_t value, const string_t& text) override {
    return Put({.kind = Kind::kNumber, .text = text, .number = value});
  }
  bool string(string_t& value) override { return Put(FilterValue::String(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(Kind::kObject); }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Kind::kArray); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }

  FilterValue Take() { return std::move(root_); }

 private:
  FilterValue& Place(FilterValue value) {
    if (open_.empty()) return root_ = std::move(value);
    FilterValue& parent = *open_.back();
    if (parent.kind == Kind::kObject) parent.keys.push_back(std::move(key_));
    return parent.elements.emplace_back(std::move(value));
  }
  bool Put(FilterValue value) {
    Place(std::move(value));
    return true;
  }
  bool Open(Kind kind) {
    open_.push_back(&Place({.kind = kind}));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  FilterValue root_;
  std::vector<FilterValue*> open_;
  std::string key_;
};

}  // namespace

std::optional<FilterValue> ParseFilterValue(std::string_view text) {
  if (NestsDeeperThan(text, kForeignJsonDepthMax)) return std::nullopt;
  ValueBuilder builder;
  try {
    if (!json::sax_parse(text, &builder)) return std::nullopt;
  } catch (const json::exception&) {  // a number beyond a double's range
    return std::nullopt;
  }
  return builder.Take();
}

const FilterValue* FilterValue::Find(std::string_view key) const {
  for (size_t i = keys.size(); i > 0; --i) {
    if (keys[i - 1] == key) return &elements[i - 1];
  }
  return nullptr;
}

}  // namespace hearth
