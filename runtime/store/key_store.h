#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

inline constexpr size_t kKeyBytesMax = 1 << 10;
inline constexpr size_t kValueBytesMax = 1 << 20;

// Durable key -> value, for small documents: functions, triggers, mappings. Keys are paths
// ("function/resize/$LATEST").
//
// Thread:  loop thread; completions run on the loop, never inside the call.
// Durable: a completion with Ok() means that the write survives power loss.
// Limits:  key 1 KiB, value 1 MiB.
class KeyStore {
 public:
  struct Entry {
    std::string key;
    std::string value;
  };
  struct Write {
    std::string key;
    std::optional<std::string> value;  // empty: delete
  };
  using Done = std::function<void(Status)>;

  virtual ~KeyStore() = default;
  // All or none.
  virtual void Apply(std::vector<Write> writes, Done done) = 0;
  virtual void Get(std::string key, std::function<void(Result<std::optional<std::string>>)> done) = 0;
  // Ordered by key.
  virtual void List(std::string prefix, std::function<void(Result<std::vector<Entry>>)> done) = 0;
};

// The limits above: kInvalidArgument for an empty key, kTooLarge.
Status ValidateWrites(const std::vector<KeyStore::Write>& writes);

}  // namespace hearth
