#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/queue_driver_fixture.h"

// What every driver of QueueStore does alike. FIFO queues and moves are in queue_store_fifo_test.cc.

namespace hearth {
namespace {

NewMessage Delayed(const std::string& body, seconds delay) { return {.body = body, .delay = delay}; }

NewMessage Keyed(const std::string& body, const std::string& key) {
  return {.body = body, .idempotency_key = key};
}

QUEUE_TEST("queue created, created again, created otherwise") {
  FIXTURE;
  const QueueSettings slow{.visibility_timeout = 90s};
  CHECK(q.TryCreate("orders", slow).ok());
  CHECK(q.TryCreate("orders", slow).ok());
  CHECK(q.TryCreate("orders").error().code == ErrorCode::kAlreadyExists);
  CHECK(q.Describe("orders").value().settings == slow);
  CHECK(q.Configure("orders", {}).ok());
  CHECK(q.Describe("orders").value().settings == QueueSettings{});
  CHECK(q.Remove("orders").ok());
  CHECK(q.Remove("orders").error().code == ErrorCode::kNotFound);
  CHECK(q.List().empty());
}

QUEUE_TEST("queue name or setting at the limit and past it") {
  FIXTURE;
  CHECK(q.TryCreate(std::string(80, 'q')).ok());
  CHECK(q.TryCreate(std::string(81, 'q')).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("a/b").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("a", {.visibility_timeout = 43'200s}).ok());
  CHECK(q.TryCreate("b", {.visibility_timeout = 43'201s}).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("delay", {.delay = 900s}).ok());
  CHECK(q.TryCreate("b", {.delay = 901s}).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("short", {.retention = 60s}).ok());
  CHECK(q.TryCreate("b", {.retention = 59s}).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("long", {.retention = 1'209'600s}).ok());
  CHECK(q.TryCreate("b", {.retention = 1'209'601s}).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("wait", {.receive_wait = 20s}).ok());
  CHECK(q.TryCreate("b", {.receive_wait = 21s}).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("small", {.message_bytes_max = 1'024}).ok());
  CHECK(q.TryCreate("b", {.message_bytes_max = 1'023}).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("c", {.receives_max = 1'000, .dead_letter_queue = "a"}).ok());
  CHECK(q.TryCreate("b", {.receives_max = 1'001, .dead_letter_queue = "a"}).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("b", {.receives_max = 3}).error().code == ErrorCode::kInvalidArgument);
}

QUEUE_TEST("dead-letter queue missing or the queue itself") {
  FIXTURE;
  CHECK(q.TryCreate("a", {.receives_max = 3, .dead_letter_queue = "dead"}).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("a", {.receives_max = 3, .dead_letter_queue = "a"}).error().code ==
        ErrorCode::kInvalidArgument);
}

QUEUE_TEST("message sent, received, deleted") {
  FIXTURE;
  q.Create("orders");
  const auto sent_at = q.executor.clock().WallNow();
  const auto id = q.Send("orders", {.body = std::string("a\0b", 3),
                                    .attributes = {{"size", {"Number", "3"}}, {"raw", {"Binary", "\xff"}}},
                                    .idempotency_key = ""});
  q.executor.Advance(1500ms);
  const auto message = q.ReceiveOne("orders");
  CHECK(message.message_id == id);
  CHECK(message.body == std::string("a\0b", 3));
  CHECK(message.attributes.at("size").type == "Number");
  CHECK(message.attributes.at("raw").value == "\xff");
  CHECK(message.sent == sent_at);
  CHECK(message.first_received == sent_at + 1500ms);
  CHECK(message.receive_count == 1);
  CHECK(q.Delete("orders", message.receipt_handle).ok());
  CHECK(q.Delete("orders", message.receipt_handle).ok());
  q.executor.Advance(1h);
  CHECK(q.Receive("orders").empty());
}

QUEUE_TEST("many messages, oldest first, not more than asked for") {
  FIXTURE;
  q.Create("orders");
  std::vector<std::string> sent;
  for (int i = 0; i < 150; ++i) sent.push_back("m" + std::to_string(i));
  for (const auto& body : sent) q.Send("orders", body);
  auto received = BodiesOf(q.Receive("orders", 100));
  CHECK(received.size() == 100);
  for (const auto& body : BodiesOf(q.Receive("orders", 100))) received.push_back(body);
  CHECK(received == sent);
}

QUEUE_TEST("queue that does not exist") {
  FIXTURE;
  CHECK(q.TrySend("ghost", {NewMessage{}}).error().code == ErrorCode::kNotFound);
  CHECK(q.TryReceive("ghost").error().code == ErrorCode::kNotFound);
}

QUEUE_TEST("batch with one message too large is refused whole") {
  FIXTURE;
  q.Create("orders", {.message_bytes_max = 1024});
  const NewMessage fits{
      .body = std::string(1020, 'x'), .attributes = {{"n", {"S", "12"}}}, .idempotency_key = ""};
  NewMessage too_large = fits;
  too_large.body += 'x';
  CHECK(q.TrySend("orders", {fits, too_large}).error().code == ErrorCode::kTooLarge);
  CHECK(q.Statistics("orders").visible == 0);
  CHECK(q.TrySend("orders", {fits}).ok());
}

QUEUE_TEST("message of a full mebibyte") {
  FIXTURE;
  q.Create("orders");
  const std::string body(kMessageBytesMax.count, 'x');
  q.Send("orders", body);
  const auto message = q.ReceiveOne("orders");
  CHECK(message.body == body);
  CHECK(q.Delete("orders", message.receipt_handle).ok());
}

QUEUE_TEST("receive stops at its limit of bytes") {
  FIXTURE;
  q.Create("orders");
  for (int i = 0; i < 18; ++i) q.Send("orders", std::string(kMessageBytesMax.count, 'x'));
  CHECK(q.Receive("orders", 100).size() == 16);
  CHECK(q.Receive("orders", 100).size() == 2);
}

QUEUE_TEST("visibility runs out") {
  FIXTURE;
  q.Create("orders", {.visibility_timeout = 30s});
  q.Send("orders", "a");
  const auto first = q.ReceiveOne("orders");
  (void)q.TakeTold();
  q.executor.Advance(30s - 1ms);
  CHECK(q.Receive("orders").empty());
  CHECK_FALSE(q.WasTold("orders"));
  q.executor.Advance(1ms);
  CHECK(q.WasTold("orders"));
  const auto second = q.ReceiveOne("orders");
  CHECK(second.message_id == first.message_id);
  CHECK(second.receive_count == 2);
  CHECK(second.receipt_handle != first.receipt_handle);
  CHECK(second.first_received == first.first_received);
  CHECK(q.ChangeVisibility("orders", first.receipt_handle, 10s).error().code == ErrorCode::kNotFound);
}

QUEUE_TEST("delete by a handle whose lease is over") {
  FIXTURE;
  q.Create("orders", {.visibility_timeout = 1s});
  q.Send("orders", "a");
  const auto stale = q.ReceiveOne("orders");
  q.executor.Advance(1s);
  (void)q.ReceiveOne("orders");
  CHECK(q.Delete("orders", stale.receipt_handle).ok());
  q.executor.Advance(1h);
  CHECK(q.Receive("orders").empty());
  CHECK(q.Statistics("orders").in_flight == 0);
}

QUEUE_TEST("message delayed by the queue, by itself, not at all") {
  FIXTURE;
  q.Create("orders", {.delay = 5s});
  q.Send("orders", "queue's");
  q.Send("orders", Delayed("own", 2s));
  q.Send("orders", Delayed("none", 0s));
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"none"});
  (void)q.TakeTold();
  q.executor.Advance(2s);
  CHECK(q.WasTold("orders"));
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"own"});
  q.executor.Advance(3s);
  CHECK(q.WasTold("orders"));
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"queue's"});
  CHECK(q.TrySend("orders", {Delayed("too late", 901s)}).error().code == ErrorCode::kInvalidArgument);
}

QUEUE_TEST("lease prolonged, then ended by hand") {
  FIXTURE;
  q.Create("orders", {.visibility_timeout = 10s});
  q.Send("orders", "a");
  const auto message = q.ReceiveOne("orders");
  q.executor.Advance(9s);
  CHECK(q.ChangeVisibility("orders", message.receipt_handle, 20s).ok());
  q.executor.Advance(19s);
  CHECK(q.Receive("orders").empty());
  (void)q.TakeTold();
  CHECK(q.ChangeVisibility("orders", message.receipt_handle, 0s).ok());
  CHECK(q.WasTold("orders"));
  CHECK(q.ReceiveOne("orders").receive_count == 2);
}

QUEUE_TEST("lease returned counts as no receive") {
  FIXTURE;
  q.Create("orders");
  q.Send("orders", "a");
  const auto first = q.ReceiveOne("orders");
  (void)q.TakeTold();
  CHECK(q.Return("orders", first.receipt_handle).ok());
  CHECK(q.WasTold("orders"));
  CHECK(q.Return("orders", first.receipt_handle).error().code == ErrorCode::kNotFound);
  q.executor.Advance(1s);
  const auto second = q.ReceiveOne("orders");
  CHECK(second.receive_count == 1);
  CHECK(second.receipt_handle != first.receipt_handle);
  CHECK(second.first_received == q.executor.clock().WallNow());
}

QUEUE_TEST("receive past the maximum moves to the dead-letter queue") {
  FIXTURE;
  q.Create("dead");
  q.Create("orders", {.visibility_timeout = 1s, .receives_max = 2, .dead_letter_queue = "dead"});
  const auto id = q.Send("orders", "poison");
  q.Send("orders", "fine");
  for (int receive = 0; receive < 2; ++receive) {
    CHECK(q.ReceiveOne("orders").body == "poison");
    q.executor.Advance(1s);
  }
  (void)q.TakeTold();
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"fine"});
  CHECK(q.WasTold("dead"));
  const auto letter = q.ReceiveOne("dead");
  CHECK(letter.message_id == id);
  CHECK(letter.body == "poison");
  CHECK(letter.dead_letter_source == "orders");
  CHECK(letter.receive_count == 1);
  CHECK(q.Statistics("orders").visible == 0);
  CHECK(q.Statistics("dead").in_flight == 1);
}

QUEUE_TEST("dead-letter queue removed: delivered rather than lost") {
  FIXTURE;
  q.Create("dead");
  q.Create("orders", {.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = "dead"});
  q.Send("orders", "a");
  (void)q.ReceiveOne("orders");
  CHECK(q.Remove("dead").ok());
  CHECK(q.ReceiveOne("orders").receive_count == 2);
}

QUEUE_TEST("retention runs out") {
  FIXTURE;
  q.Create("orders", {.retention = 60s});
  q.Send("orders", "old");
  q.executor.Advance(30s);
  q.Send("orders", "young");
  q.executor.Advance(30s);
  CHECK(BodiesOf(q.Peek("orders")) == std::vector<std::string>{"young"});
  CHECK(q.Statistics("orders").visible == 1);
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"young"});
}

QUEUE_TEST("handles that are none of this queue's") {
  FIXTURE;
  q.Create("orders");
  q.Create("other");
  q.Send("orders", "a");
  const auto message = q.ReceiveOne("orders");
  for (const std::string& garbage : {std::string(), std::string("x"), std::string(40, 'g'),
                                     std::string(40, '0'), message.receipt_handle + "0"}) {
    CHECK(q.Delete("orders", garbage).error().code == ErrorCode::kInvalidArgument);
  }
  CHECK(q.Delete("other", message.receipt_handle).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.Return("orders", "x").error().code == ErrorCode::kInvalidArgument);
}

QUEUE_TEST("peek leases nothing") {
  FIXTURE;
  q.Create("orders");
  q.Send("orders", "a");
  q.Send("orders", "b");
  CHECK(BodiesOf(q.Peek("orders", 1)) == std::vector<std::string>{"a"});
  CHECK(q.Peek("orders").front().receive_count == 0);
  CHECK(q.Peek("orders").front().receipt_handle.empty());
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"a", "b"});
  CHECK(q.Peek("orders").empty());
}

QUEUE_TEST("statistics by state, age of the oldest") {
  FIXTURE;
  q.Create("orders");
  CHECK(q.Statistics("orders").oldest_age == 0ms);
  q.Send("orders", "leased");
  (void)q.ReceiveOne("orders", 100s);
  q.Send("orders", "oldest");
  q.executor.Advance(2500ms);
  q.Send("orders", "young");
  q.Send("orders", Delayed("delayed", 9s));
  const auto statistics = q.Statistics("orders");
  CHECK(statistics.visible == 2);
  CHECK(statistics.in_flight == 1);
  CHECK(statistics.delayed == 1);
  CHECK(statistics.oldest_age == 2500ms);
}

QUEUE_TEST("purge takes all: visible, delayed, leased") {
  FIXTURE;
  q.Create("orders", {.visibility_timeout = 1s});
  q.Send("orders", "leased");
  const auto leased = q.ReceiveOne("orders");
  q.Send("orders", "visible");
  q.Send("orders", Delayed("delayed", 1s));
  CHECK(q.Purge("orders").ok());
  q.executor.Advance(1s);
  CHECK(q.Receive("orders").empty());
  CHECK(q.Statistics("orders").delayed == 0);
  CHECK(q.Delete("orders", leased.receipt_handle).ok());
  q.Send("orders", "after");
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"after"});
}

QUEUE_TEST("queue removed and created again is empty") {
  FIXTURE;
  q.Create("orders");
  q.Send("orders", "a");
  CHECK(q.Remove("orders").ok());
  q.Create("orders");
  CHECK(q.Receive("orders").empty());
}

QUEUE_TEST("same idempotency key within and after five minutes") {
  FIXTURE;
  q.Create("orders");
  q.Create("other");
  const auto first = q.Send("orders", Keyed("a", "k"));
  q.executor.Advance(299s);
  CHECK(q.Send("orders", Keyed("b", "k")) == first);
  CHECK(q.Send("other", Keyed("a", "k")) != first);
  CHECK(q.Statistics("orders").visible == 1);
  q.executor.Advance(1s);
  CHECK(q.Send("orders", Keyed("c", "k")) != first);
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"a", "c"});
}

QUEUE_TEST("idempotency key at the limit and past it") {
  FIXTURE;
  q.Create("orders");
  CHECK(q.TrySend("orders", {Keyed("a", std::string(128, 'k'))}).ok());
  CHECK(q.TrySend("orders", {Keyed("a", std::string(129, 'k'))}).error().code == ErrorCode::kInvalidArgument);
}

QUEUE_TEST("same idempotency key twice in one batch") {
  FIXTURE;
  q.Create("orders");
  const auto ids = q.TrySend("orders", {Keyed("a", "k"), Keyed("b", "k")}).value();
  CHECK(ids[0] == ids[1]);
  CHECK(q.Statistics("orders").visible == 1);
}

QUEUE_TEST("wall clock stepped back a year") {
  FIXTURE;
  q.Create("orders", {.visibility_timeout = 30s});
  q.Send("orders", "leased");
  (void)q.ReceiveOne("orders");
  q.Send("orders", Delayed("delayed", 30s));
  q.executor.manual_clock().SetWall(q.executor.clock().WallNow() - 8760h);
  q.executor.Advance(30s);
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"leased", "delayed"});
}

QUEUE_TEST("send tells of itself, delayed send does not") {
  FIXTURE;
  q.Create("orders");
  q.Send("orders", Delayed("delayed", 5s));
  CHECK_FALSE(q.WasTold("orders"));
  q.Send("orders", "a");
  CHECK(q.WasTold("orders"));
}

QUEUE_TEST("discard deletes what is visible, without a lease") {
  FIXTURE;
  q.Create("orders");
  q.Create("other");
  const auto leased = q.Send("orders", "leased");
  (void)q.ReceiveOne("orders");
  const auto first = q.Send("orders", "first");
  q.Send("orders", "second");
  const auto delayed = q.Send("orders", Delayed("delayed", 5s));
  const auto elsewhere = q.Send("other", "elsewhere");
  CHECK(q.Discard("orders", {leased, first, delayed, elsewhere, "no id"}) == 1);
  CHECK(q.Discard("orders", {first}) == 0);
  CHECK(BodiesOf(q.Receive("orders")) == std::vector<std::string>{"second"});
  CHECK(q.Statistics("other").visible == 1);
}

QUEUE_TEST("tags added, replaced, removed, at the limit and past it") {
  FIXTURE;
  q.Create("orders");
  CHECK(q.Tag("orders", {{"team", "shop"}, {"stage", "test"}}).ok());
  CHECK(q.Tag("orders", {{"team", "pay"}}, {"stage", "none"}).ok());
  CHECK(q.Describe("orders").value().tags == std::map<std::string, std::string>{{"team", "pay"}});
  std::map<std::string, std::string> tags;
  for (size_t i = 0; i < kQueueTagsMax; ++i) tags["t" + std::to_string(i)] = "";
  CHECK(q.Tag("orders", tags).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.Tag("orders", tags, {"team"}).ok());
  CHECK(q.Tag("ghost", {}).error().code == ErrorCode::kNotFound);
}

QUEUE_TEST("lease prolonged to twelve hours in all and past it") {
  FIXTURE;
  q.Create("orders");
  q.Send("orders", "a");
  const auto message = q.ReceiveOne("orders", 43'200s);
  q.executor.Advance(1h);
  CHECK(q.ChangeVisibility("orders", message.receipt_handle, 39'600s).ok());
  CHECK(q.ChangeVisibility("orders", message.receipt_handle, 39'601s).error().code ==
        ErrorCode::kPrecondition);
  CHECK(q.ChangeVisibility("orders", message.receipt_handle, 0s).ok());
  const auto endless = q.TryReceive("orders", ReceiveRequest{.lease_total_max = 0s}).value().front();
  CHECK(q.ChangeVisibility("orders", endless.receipt_handle, 43'200s).ok());
  q.executor.Advance(12h - 1s);
  CHECK(q.ChangeVisibility("orders", endless.receipt_handle, 43'200s).ok());
}

QUEUE_TEST("counters and figures of all queues") {
  FIXTURE;
  q.Create("dead");
  q.Create("orders", {.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = "dead"});
  q.Send("orders", "deleted");
  CHECK(q.Delete("orders", q.ReceiveOne("orders").receipt_handle).ok());
  q.Send("orders", "poison");
  (void)q.ReceiveOne("orders");
  CHECK(q.Receive("orders").empty());
  const auto all = q.AllStatistics();
  REQUIRE(all.size() == 2);
  CHECK(all[0].first == "dead");
  CHECK(all[0].second.visible == 1);
  CHECK(all[1].second.sent == 2);
  CHECK(all[1].second.received == 2);
  CHECK(all[1].second.deleted == 1);
  CHECK(all[1].second.dead_lettered == 1);
}

QUEUE_TEST("dead-letter queue that permits no source, or some") {
  FIXTURE;
  q.Create("closed", {.redrive_permission = RedrivePermission::kDenyAll});
  q.Create("open", {.redrive_permission = RedrivePermission::kByQueue, .redrive_sources = {"orders"}});
  CHECK(q.TryCreate("orders", {.receives_max = 1, .dead_letter_queue = "closed"}).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("orders", {.receives_max = 1, .dead_letter_queue = "open"}).ok());
  CHECK(q.TryCreate("others", {.receives_max = 1, .dead_letter_queue = "open"}).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(q.Describe("open").value().settings.redrive_sources == std::vector<std::string>{"orders"});
  QueueSettings most{.redrive_permission = RedrivePermission::kByQueue};
  for (int i = 0; i < 10; ++i) most.redrive_sources.push_back("source" + std::to_string(9 - i));
  CHECK(q.TryCreate("most", most).ok());
  most.redrive_sources.emplace_back("one-more");
  CHECK(q.TryCreate("more", most).error().code == ErrorCode::kInvalidArgument);
}

QUEUE_TEST("store destroyed before its answers") {
  FIXTURE;
  bool answered = false;
  q.store->Create("orders", {}, [&](Status) { answered = true; });
  q.store->List([&](auto) { answered = true; });
  q.store.reset();
  bool ran = false;
  q.executor.Post([&] { ran = true; });
  q.executor.RunUntil([&] { return ran; });
  CHECK_FALSE(answered);
}

}  // namespace
}  // namespace hearth
