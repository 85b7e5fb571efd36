#include "runtime/base/weak_ptr.h"

#include <optional>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

struct Owner {
  int value = 5;
  WeakPtrFactory<Owner> weak{this};
};

}  // namespace

TEST_CASE("a weak pointer sees its object until it goes", "[base]") {
  std::optional<Owner> owner(std::in_place);
  const WeakPtr<Owner> weak = owner->weak.Get();
  const WeakPtr<Owner> copy = weak;
  REQUIRE(weak);
  CHECK(weak->value == 5);
  CHECK((*copy).value == 5);
  owner.reset();
  CHECK_FALSE(weak);
  CHECK(copy.get() == nullptr);
}

TEST_CASE("a weak pointer to nothing is empty", "[base]") { CHECK_FALSE(WeakPtr<Owner>()); }

}  // namespace hearth
