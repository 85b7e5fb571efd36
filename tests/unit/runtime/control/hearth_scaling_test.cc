#include "runtime/control/hearth_scaling.h"

#include <catch2/catch.hpp>

#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

constexpr const char* kPath = "/_hearth/v1/functions/resize/scaling";

TEST_CASE_METHOD(ControlFixture, "how workers are kept: set, changed in part, and back to the default",
                 "[control][scaling]") {
  Deploy("resize");
  CHECK(Body(Call("GET", kPath)) == json{{"IdleTimeoutS", nullptr}, {"WorkersMin", 0}, {"WorkersSpare", 0}});
  CHECK(Body(Call("PUT", kPath, {{"IdleTimeoutS", 0}, {"WorkersMin", 2}})) ==
        json{{"IdleTimeoutS", 0}, {"WorkersMin", 2}, {"WorkersSpare", 0}});
  CHECK(Body(Call("PUT", kPath, {{"WorkersSpare", 1}})) ==
        json{{"IdleTimeoutS", 0}, {"WorkersMin", 2}, {"WorkersSpare", 1}});
  CHECK(Body(Call("PUT", kPath, {{"IdleTimeoutS", nullptr}, {"WorkersMin", nullptr}})) ==
        json{{"IdleTimeoutS", nullptr}, {"WorkersMin", 0}, {"WorkersSpare", 1}});
}

TEST_CASE_METHOD(ControlFixture, "a number past its limit, or of nothing, is refused", "[control][scaling]") {
  Deploy("resize");
  for (const json& wrong :
       {json{{"WorkersMin", kWorkersMinMax + 1}}, json{{"WorkersSpare", kWorkersSpareMax + 1}},
        json{{"IdleTimeoutS", kIdleTimeOutMax.count() + 1}}, json{{"IdleTimeoutS", -1}},
        json{{"Workers", 1}}}) {
    INFO(wrong.dump());
    CHECK(Call("PUT", kPath, wrong)->answer->status == 400);
  }
  CHECK(Call("PUT", "/_hearth/v1/functions/nobody/scaling", json::object())->answer->status == 404);
  CHECK(Call("GET", "/_hearth/v1/functions/nobody/scaling")->answer->status == 404);
}

}  // namespace
}  // namespace hearth
