#include <cstdint>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>

#include <hearth/hearth.h>

// Takes orders from a queue: {"order": "A-17", "item": "teapot", "quantity": 2}. An order that cannot be
// read, or of which there is no stock, fails alone: its message goes back to the queue, the rest of the batch
// is done.

namespace {

using hearth::Context;
using hearth::json;
using hearth::SqsBatchResponse;
using hearth::SqsEvent;
using hearth::SqsMessage;

struct Order {
  std::string id;
  std::string item;
  std::int64_t quantity = 0;
};

Order ReadOrder(const SqsMessage& message) {
  const json body = json::parse(message.body);
  Order order{body.at("order"), body.at("item"), body.at("quantity")};
  if (order.quantity < 1) throw std::invalid_argument("order " + order.id + ": quantity must be 1 or more");
  return order;
}

// The stock is this worker's own: a real shop asks its database. One worker serves one batch at a time, so
// there is no lock.
class Shop {
 public:
  explicit Shop(hearth::InitContext& context) { context.Info("shop opens", {{"items", stock_.size()}}); }

  SqsBatchResponse Handle(const SqsEvent& event, Context& context) {
    SqsBatchResponse response;
    for (const SqsMessage& message : event.records) {
      try {
        Fill(ReadOrder(message), context);
      } catch (const std::exception& error) {
        context.Warn("order refused", {{"message_id", message.message_id},
                                       {"receive_count", message.approximate_receive_count()},
                                       {"why", error.what()}});
        response.Fail(message);
      }
    }
    return response;
  }

 private:
  void Fill(const Order& order, Context& context) {
    const auto shelf = stock_.find(order.item);
    if (shelf == stock_.end())
      throw std::invalid_argument("order " + order.id + ": we do not sell " + order.item);
    if (shelf->second < order.quantity) throw std::runtime_error("order " + order.id + ": out of stock");
    shelf->second -= order.quantity;
    context.Info("order filled", {{"order", order.id}, {"item", order.item}, {"left", shelf->second}});
  }

  std::map<std::string, std::int64_t> stock_ = {{"teapot", 1'000'000}, {"cup", 6}};
};

}  // namespace

HEARTH_HANDLER(Shop);
