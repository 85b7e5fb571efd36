#pragma once

#include <optional>
#include <string>

#include "runtime/control/sqs_error.h"

namespace hearth {

inline constexpr size_t kSqsBatchEntriesMax = 10;
inline constexpr size_t kSqsEntryIdBytesMax = 80;

// What all batches share; nothing: fine, and past it every entry is an object with a fitting `Id`.
std::optional<SqsError> CheckSqsBatch(const Json& request);

// The answer of a batch: which entries were done, and why the others were not.
class SqsBatchAnswer final {
 public:
  void Succeeded(const std::string& id, Json more = Json::object());
  void Failed(const std::string& id, const SqsError& error);
  const Json& json() const { return json_; }

 private:
  Json json_ = {{"Successful", Json::array()}};
};

}  // namespace hearth
