#include "runtime/model/function_scaling.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("how a function scales comes back from its stored form", "[model]") {
  for (const FunctionScaling& scaling : {FunctionScaling{}, FunctionScaling{.reserved_concurrency = 0},
                                         FunctionScaling{.reserved_concurrency = kReservedConcurrencyMax}}) {
    CHECK(DecodeScalingJson(EncodeScalingJson(scaling)).value() == scaling);
  }
}

TEST_CASE("what a newer release stored beside it is left out, what is no number refused", "[model]") {
  CHECK(DecodeScalingJson(R"({"reserved_concurrency": 3, "colour": "red"})").value().reserved_concurrency ==
        3);
  for (const char* malformed : {"", "[", R"({"reserved_concurrency": "three"})"}) {
    INFO(malformed);
    CHECK(DecodeScalingJson(malformed).error().code == ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace hearth
