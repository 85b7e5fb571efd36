#include "runtime/control/hearth_queues.h"

#include "runtime/control/queue_metrics.h"
#include "tests/unit/runtime/control/control_fixture.h"

namespace hearth {
namespace {

struct QueuesFixture : ControlFixture {
  std::string orders = MakeQueue("orders");

  void Send(int count) {
    for (int i = 0; i < count; ++i)
      Sqs("SendMessage", {{"QueueUrl", orders}, {"MessageBody", std::to_string(i)}});
  }
  json Listed(const RecordedAnswerPtr& answer, const std::string& queue) {
    const json body = Body(answer);
    for (const json& one : body["queues"]) {
      if (one["name"] == queue) return one;
    }
    return nullptr;
  }
};

// Samples as "name{labels} value".
class Samples final : public MetricWriter {
 public:
  void Write(MetricRef metric, Labels labels, double value) override {
    std::string text(metric.definition().name);
    for (const std::string_view label : labels) text += " " + std::string(label);
    all[text] = value;
  }
  void Write(MetricRef, Labels, const HistogramView&) override {}
  std::map<std::string, double> all;
};

QueueFigures Figures(double at_s, uint64_t sent, uint64_t received) {
  QueueStatistics statistics;
  statistics.sent = sent;
  statistics.received = received;
  return {{{"a", statistics}},
          MonotonicTime() +
              std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(at_s))};
}

}  // namespace

TEST_CASE("rates are differences over time", "[control][queues]") {
  const auto rates = RatesBetween(Figures(10, 100, 50), Figures(12, 120, 51), "a");
  REQUIRE(rates);
  CHECK(rates->sent_per_s == 10);
  CHECK(rates->received_per_s == 0.5);
  CHECK(rates->deleted_per_s == 0);
  CHECK_FALSE(RatesBetween(Figures(10, 1, 0), Figures(12, 2, 0), "b"));
  CHECK_FALSE(RatesBetween(Figures(10, 1, 0), Figures(10, 2, 0), "a"));
  // Made anew between the two.
  CHECK_FALSE(RatesBetween(Figures(10, 100, 0), Figures(12, 2, 0), "a"));
}

TEST_CASE_METHOD(QueuesFixture, "queues with rates wait a second once", "[control][queues]") {
  const auto first = Start(Request("GET", "/_hearth/v1/queues?rates=1"));
  RunPosted();
  CHECK_FALSE(first->answer);
  Send(4);
  Advance(seconds(2));
  REQUIRE(first->answer);
  CHECK(Listed(first, "orders")["sent_per_s"] == 2);
  // Figures of the moment before serve the next.
  const auto second = Call("GET", "/_hearth/v1/queues?rates=1");
  CHECK(Listed(second, "orders")["sent_per_s"] == 2);
  CHECK(Listed(second, "orders")["visible"] == 4);
  CHECK_FALSE(Listed(Call("GET", "/_hearth/v1/queues"), "orders").contains("sent_per_s"));
}

TEST_CASE_METHOD(QueuesFixture, "a look at messages leases nothing", "[control][queues]") {
  Send(3);
  const json seen = Body(Call("GET", "/_hearth/v1/queues/orders/messages?max=2"))["Messages"];
  REQUIRE(seen.size() == 2);
  CHECK(seen[0]["Body"] == "0");
  CHECK_FALSE(seen[0].contains("ReceiptHandle"));
  CHECK(seen[0]["Attributes"]["ApproximateReceiveCount"] == "0");
  CHECK(Body(Sqs("ReceiveMessage", {{"QueueUrl", orders}, {"MaxNumberOfMessages", 10}}))["Messages"].size() ==
        3);
  CHECK(Call("GET", "/_hearth/v1/queues/nowhere/messages")->answer->status == 404);
  CHECK(Call("GET", "/_hearth/v1/queues/orders/messages?max=100")->answer->status == 200);
  for (const char* most : {"0", "101", "x", "-1"})
    CHECK(Call("GET", std::string("/_hearth/v1/queues/orders/messages?max=") + most)->answer->status == 400);
}

TEST_CASE_METHOD(QueuesFixture, "series of a queue are there as long as it is",
                 "[control][queues][metrics]") {
  QueueMetrics source(queues);
  const auto scrape = [&] {
    bool refreshed = false;
    REQUIRE(source.Refresh([&] { refreshed = true; }));
    executor.WaitFor([&] { return refreshed; });
    Samples samples;
    source.Collect(samples);
    return samples.all;
  };
  Send(3);
  Advance(seconds(7));
  Sqs("ReceiveMessage", {{"QueueUrl", orders}});
  auto samples = scrape();
  CHECK(samples["hearth_queue_messages orders visible"] == 2);
  CHECK(samples["hearth_queue_messages orders in_flight"] == 1);
  CHECK(samples["hearth_queue_messages orders delayed"] == 0);
  CHECK(samples["hearth_queue_oldest_message_age_seconds orders"] == 7);
  CHECK(samples["hearth_queue_sent_total orders"] == 3);
  CHECK(samples["hearth_queue_received_total orders"] == 1);
  Sqs("DeleteQueue", {{"QueueUrl", orders}});
  CHECK(scrape().empty());
}

}  // namespace hearth
