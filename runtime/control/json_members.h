#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/base/result.h"

namespace hearth {

using Json = nlohmann::json;

// The request's body as an object; "" is {}. kInvalidArgument says what is wrong at which byte.
Result<Json> ParseJsonObject(std::string_view text);
// Bytes that are not UTF-8 are replaced: they may have come from a handler.
std::string DumpJson(const Json& value);

// Reads optional members of one object. A member that is absent or null leaves its variable alone; one of
// another type is kInvalidArgument with its name. Numbers must lie in [least, most].
class JsonMembers final {
 public:
  // `path` is put before names in errors: "EphemeralStorage.".
  explicit JsonMembers(const Json& object, std::string path = "") : object_(object), path_(std::move(path)) {}

  Status Read(const char* name, std::string& out) const;
  Status Read(const char* name, bool& out) const;
  Status Read(const char* name, int64_t& out, int64_t least, int64_t most) const;
  Status Read(const char* name, std::map<std::string, std::string>& out) const;
  Status Read(const char* name, std::vector<std::string>& out) const;
  // nullptr when absent or null; kInvalidArgument when it is something else than an object or array.
  Result<const Json*> Object(const char* name) const;
  Result<const Json*> Array(const char* name) const;
  bool Has(const char* name) const { return Find(name) != nullptr; }
  Status Require(const char* name) const;

 private:
  const Json* Find(const char* name) const;
  Error Wrong(const char* name, std::string_view wanted) const;

  const Json& object_;
  const std::string path_;
};

}  // namespace hearth
