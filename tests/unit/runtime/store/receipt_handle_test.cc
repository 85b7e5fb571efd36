#include "runtime/store/receipt_handle.h"

#include <catch2/catch.hpp>

namespace hearth {

TEST_CASE("receipt handle goes there and back", "[store][queue]") {
  const ReceiptHandle handle{.message = 0x0123456789abcdef, .generation = 7};
  const std::string text = handle.Encode(3);
  CHECK(text.substr(0, 32) == "0123456789abcdef0000000000000007");
  const auto decoded = ReceiptHandle::Decode(text, 3);
  REQUIRE(decoded.ok());
  CHECK(decoded.value().message == handle.message);
  CHECK(decoded.value().generation == handle.generation);
}

TEST_CASE("receipt handle of another queue, or with any digit changed", "[store][queue]") {
  const std::string text = ReceiptHandle{5, 1}.Encode(3);
  CHECK_FALSE(ReceiptHandle::Decode(text, 4).ok());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'f' ? '0' : 'f';
    CHECK_FALSE(ReceiptHandle::Decode(changed, 3).ok());
  }
}

}  // namespace hearth
