#include "runtime/model/function_scaling.h"

#include <catch2/catch.hpp>

namespace hearth {
namespace {

TEST_CASE("how a function scales comes back from its stored form", "[model]") {
  for (const FunctionScaling& scaling :
       {FunctionScaling{}, FunctionScaling{.reserved_concurrency = 0},
        FunctionScaling{.reserved_concurrency = kReservedConcurrencyMax},
        FunctionScaling{.idle_time_out = seconds(0), .workers_min = 3, .workers_spare = 2}}) {
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

TEST_CASE("each number at its limit and one past it", "[model]") {
  CHECK(ValidateScaling({.reserved_concurrency = kReservedConcurrencyMax,
                         .idle_time_out = kIdleTimeOutMax,
                         .workers_min = kWorkersMinMax,
                         .workers_spare = kWorkersSpareMax})
            .ok());
  for (const FunctionScaling& scaling :
       {FunctionScaling{.reserved_concurrency = kReservedConcurrencyMax + 1},
        FunctionScaling{.idle_time_out = kIdleTimeOutMax + seconds(1)},
        FunctionScaling{.idle_time_out = seconds(-1)}, FunctionScaling{.workers_min = kWorkersMinMax + 1},
        FunctionScaling{.workers_spare = kWorkersSpareMax + 1}}) {
    CHECK(ValidateScaling(scaling).error().code == ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace hearth
