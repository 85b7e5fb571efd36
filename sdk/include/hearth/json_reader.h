#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hearth/error.h>
#include <nlohmann/json.hpp>

// Strict reading of a JSON document: what is missing or of another type throws EventError with the path to
// it.

namespace hearth::internal {

using json = nlohmann::json;

// One place in a document. Remembers the way back to the root, so that a path is built only when there is an
// error to report. A reader must not outlive its document, nor the reader that it was made from.
class JsonReader final {
 public:
  explicit JsonReader(const json& root) : value_(&root) {}

  const json& value() const { return *value_; }

  // A member that must be there. null counts as missing.
  JsonReader At(std::string_view key) const {
    const json* member = Member(key);
    if (!member) Throw(key, "is missing");
    return JsonReader(*member, this, key);
  }
  std::optional<JsonReader> Find(std::string_view key) const {
    const json* member = Member(key);
    if (!member) return std::nullopt;
    return JsonReader(*member, this, key);
  }

  std::string String() const {
    if (!value_->is_string()) ThrowType("a string");
    return value_->get_ref<const std::string&>();
  }
  bool Bool() const {
    if (!value_->is_boolean()) ThrowType("true or false");
    return value_->get<bool>();
  }
  std::int64_t Integer() const {
    if (!value_->is_number_integer()) ThrowType("a whole number");
    if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX)
      Throw("is over the range of int64");
    return value_->get<std::int64_t>();
  }

  // visit(JsonReader) for each element.
  template <class Visit>
  void ForEachElement(Visit visit) const {
    if (!value_->is_array()) ThrowType("an array");
    for (std::size_t i = 0; i < value_->size(); ++i) visit(JsonReader((*value_)[i], this, i));
  }
  // visit(const std::string& key, JsonReader) for each member.
  template <class Visit>
  void ForEachMember(Visit visit) const {
    if (!value_->is_object()) ThrowType("an object");
    for (auto member = value_->begin(); member != value_->end(); ++member) {
      visit(member.key(), JsonReader(*member, this, member.key()));
    }
  }

  std::vector<std::string> Strings() const {
    std::vector<std::string> strings;
    ForEachElement([&](const JsonReader& element) { strings.push_back(element.String()); });
    return strings;
  }
  std::map<std::string, std::string> StringMap() const {
    std::map<std::string, std::string> strings;
    ForEachMember([&](const std::string& key, const JsonReader& member) { strings[key] = member.String(); });
    return strings;
  }

  // Members that may be missing: then the result is empty.
  std::string OptionalString(std::string_view key) const {
    const auto member = Find(key);
    return member ? member->String() : std::string();
  }
  std::vector<std::string> OptionalStrings(std::string_view key) const {
    const auto member = Find(key);
    return member ? member->Strings() : std::vector<std::string>();
  }
  std::map<std::string, std::string> OptionalStringMap(std::string_view key) const {
    const auto member = Find(key);
    return member ? member->StringMap() : std::map<std::string, std::string>();
  }

  // The member `key` must be exactly `expected`: how an event of another source is told from this one.
  void Expect(std::string_view key, std::string_view expected) const {
    const JsonReader member = At(key);
    const std::string actual = member.String();
    if (actual != expected) member.Throw("must be \"" + std::string(expected) + "\", is \"" + actual + "\"");
  }

  [[noreturn]] void Throw(std::string_view problem) const {
    throw EventError(Path() + ": " + std::string(problem));
  }

 private:
  JsonReader(const json& value, const JsonReader* parent, std::string_view key)
      : value_(&value), parent_(parent), key_(key) {}
  JsonReader(const json& value, const JsonReader* parent, std::size_t index)
      : value_(&value), parent_(parent), index_(index) {}

  const json* Member(std::string_view key) const {
    if (!value_->is_object()) ThrowType("an object");
    const auto member = value_->find(key);
    return member == value_->end() || member->is_null() ? nullptr : &*member;
  }
  [[noreturn]] void Throw(std::string_view key, std::string_view problem) const {
    throw EventError(Path() + "." + std::string(key) + ": " + std::string(problem));
  }
  [[noreturn]] void ThrowType(std::string_view wanted) const {
    Throw("must be " + std::string(wanted) + ", is " + value_->type_name());
  }
  std::string Path() const {
    if (!parent_) return "$";
    if (key_.data()) return parent_->Path() + "." + std::string(key_);
    return parent_->Path() + "[" + std::to_string(index_) + "]";
  }

  const json* value_;
  const JsonReader* parent_ = nullptr;
  std::string_view key_;  // no data: this is an element of an array
  std::size_t index_ = 0;
};

}  // namespace hearth::internal
