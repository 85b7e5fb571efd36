#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/random.h"

// Ids are distinct types: a worker's number cannot be handed over where a sandbox's is wanted.

namespace hearth {

template <class Tag>
class NumberId final {
 public:
  constexpr NumberId() = default;
  constexpr explicit NumberId(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  friend constexpr auto operator<=>(NumberId, NumberId) = default;

 private:
  uint64_t value_ = 0;
};

using WorkerId = NumberId<struct WorkerIdTag>;
using SandboxId = NumberId<struct SandboxIdTag>;

// A version 4 UUID in its 36-character text form; what AWS calls AwsRequestId. One per invocation, the same
// over its attempts.
class RequestId final {
 public:
  RequestId() = default;
  explicit RequestId(std::string text) : text_(std::move(text)) {}
  static RequestId Make(Random& random);
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const RequestId&, const RequestId&) = default;

 private:
  std::string text_;
};

std::string MakeUuid(Random& random);
// N lower-case hexadecimal digits.
std::string MakeHex(Random& random, size_t digits);

}  // namespace hearth

template <class Tag>
struct std::hash<hearth::NumberId<Tag>> {
  size_t operator()(hearth::NumberId<Tag> id) const { return std::hash<uint64_t>()(id.value()); }
};
template <>
struct std::hash<hearth::RequestId> {
  size_t operator()(const hearth::RequestId& id) const { return std::hash<std::string>()(id.text()); }
};
