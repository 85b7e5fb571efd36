#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

// queue_orders.cc is linked into this test.
extern "C" const struct hearth_function* hearth_function(void);

using hearth::json;
using hearth::testing::Runner;
using hearth::testing::SampleSqsEvent;

namespace {

std::string Order(const std::string& item, int quantity) {
  return json({{"order", "A-17"}, {"item", item}, {"quantity", quantity}}).dump();
}

json FailuresOf(const hearth::testing::InvokeResult& result) {
  REQUIRE(result.ok());
  return result.response_json().at("batchItemFailures");
}

}  // namespace

TEST_CASE("good orders are filled", "[queue_orders]") {
  Runner shop(hearth_function());
  CHECK(FailuresOf(shop.Invoke(SampleSqsEvent({Order("teapot", 2), Order("cup", 1)}).dump())).empty());
}

TEST_CASE("bad orders in a batch fail alone", "[queue_orders]") {
  Runner shop(hearth_function());
  const auto result = shop.Invoke(
      SampleSqsEvent({"not json", Order("teapot", 1), Order("unicorn", 1), Order("cup", 0)}).dump());
  CHECK(FailuresOf(result) == json({{{"itemIdentifier", "message-1"}},
                                    {{"itemIdentifier", "message-3"}},
                                    {{"itemIdentifier", "message-4"}}}));
}

TEST_CASE("stock runs out across batches", "[queue_orders]") {
  Runner shop(hearth_function());
  CHECK(FailuresOf(shop.Invoke(SampleSqsEvent({Order("cup", 6)}).dump())).empty());
  CHECK(FailuresOf(shop.Invoke(SampleSqsEvent({Order("cup", 1)}).dump())).size() == 1);
}
