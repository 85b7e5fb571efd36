#include <catch2/catch.hpp>

#include "tests/unit/runtime/store/queue_driver_fixture.h"

// What every driver of QueueStore does alike in FIFO queues.

namespace hearth {
namespace {

using Bodies = std::vector<std::string>;
const QueueSettings kFifoQueue{.kind = QueueKind::kFifo};

QueueSettings Fifo(QueueSettings settings) {
  settings.kind = QueueKind::kFifo;
  return settings;
}

QUEUE_TEST("name and kind agree, and the kind stays") {
  FIXTURE;
  CHECK(q.TryCreate("orders.fifo").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("orders", kFifoQueue).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate(std::string(75, 'q') + ".fifo", kFifoQueue).ok());
  CHECK(q.TryCreate(std::string(76, 'q') + ".fifo", kFifoQueue).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate(".fifo", kFifoQueue).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("orders.fifo", kFifoQueue).ok());
  CHECK(q.Configure("orders.fifo", {}).error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryCreate("plain", {.content_based_deduplication = true}).error().code ==
        ErrorCode::kInvalidArgument);
}

QUEUE_TEST("message without group, without deduplication id, with a delay of its own") {
  FIXTURE;
  q.Create("orders.fifo", kFifoQueue);
  CHECK(q.TrySendFifo("orders.fifo", "a", "", "1").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TrySendFifo("orders.fifo", "a", "g", "").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TrySend("orders.fifo", {NewMessage{.delay = 0s, .group_id = "g", .deduplication_id = "1"}})
            .error()
            .code == ErrorCode::kInvalidArgument);
}

QUEUE_TEST("group and deduplication id at the limit and past it") {
  FIXTURE;
  q.Create("orders.fifo", kFifoQueue);
  const std::string most(128, 'g');
  CHECK(q.TrySendFifo("orders.fifo", "a", most, most).ok());
  CHECK(q.TrySendFifo("orders.fifo", "a", most + "g", "1").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TrySendFifo("orders.fifo", "a", "g", most + "g").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TrySendFifo("orders.fifo", "a", "a group", "1").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.TryReceive("orders.fifo", ReceiveRequest{.attempt_id = most}).ok());
  CHECK(q.TryReceive("orders.fifo", ReceiveRequest{.attempt_id = most + "a"}).error().code ==
        ErrorCode::kInvalidArgument);
}

QUEUE_TEST("group of a message to a standard queue is passed on") {
  FIXTURE;
  q.Create("orders");
  q.Send("orders", NewMessage{.body = "a", .group_id = "tenant"});
  CHECK(q.ReceiveOne("orders").group_id == "tenant");
}

QUEUE_TEST("sequence numbers grow, and are those of the messages") {
  FIXTURE;
  q.Create("orders.fifo", kFifoQueue);
  const auto first = q.SendFifo("orders.fifo", "a", "g");
  const auto second = q.SendFifo("orders.fifo", "b", "h");
  CHECK(first.sequence_number < second.sequence_number);
  const auto received = q.Receive("orders.fifo");
  CHECK(received[0].sequence_number == first.sequence_number);
  CHECK(received[0].message_id == first.message_id);
  CHECK(received[0].group_id == "g");
  CHECK(received[0].deduplication_id == "a");
}

QUEUE_TEST("several of a group in one receive, in order, then the next group") {
  FIXTURE;
  q.Create("orders.fifo", kFifoQueue);
  for (const char* body : {"g1", "h1", "g2", "h2", "g3"}) q.SendFifo("orders.fifo", body, {body[0]});
  CHECK(BodiesOf(q.Peek("orders.fifo")) == Bodies{"g1", "g2", "g3", "h1", "h2"});
  CHECK(BodiesOf(q.Receive("orders.fifo", 4)) == Bodies{"g1", "g2", "g3", "h1"});
  CHECK(q.Peek("orders.fifo").empty());
}

QUEUE_TEST("group with a message in flight gives none, another does") {
  FIXTURE;
  q.Create("orders.fifo", kFifoQueue);
  for (const char* body : {"g1", "g2", "h1"}) q.SendFifo("orders.fifo", body, {body[0]});
  const auto first = q.ReceiveOne("orders.fifo");
  CHECK(first.body == "g1");
  CHECK(BodiesOf(q.Receive("orders.fifo")) == Bodies{"h1"});
  q.SendFifo("orders.fifo", "g3", "g");
  CHECK(q.Receive("orders.fifo").empty());
  CHECK(q.Statistics("orders.fifo").visible == 2);
  (void)q.TakeTold();
  CHECK(q.Delete("orders.fifo", first.receipt_handle).ok());
  CHECK(q.WasTold("orders.fifo"));
  CHECK(BodiesOf(q.Receive("orders.fifo")) == Bodies{"g2", "g3"});
}

QUEUE_TEST("group is free when the last of its messages is") {
  FIXTURE;
  q.Create("orders.fifo", Fifo({.visibility_timeout = 10s}));
  for (const char* body : {"g1", "g2", "g3"}) q.SendFifo("orders.fifo", body, "g");
  const auto taken = q.Receive("orders.fifo", 2);
  CHECK(q.Return("orders.fifo", taken[0].receipt_handle).ok());
  CHECK(q.Receive("orders.fifo").empty());
  CHECK(q.ChangeVisibility("orders.fifo", taken[1].receipt_handle, 20s).ok());
  q.executor.Advance(20s);
  CHECK(q.WasTold("orders.fifo"));
  const auto again = q.Receive("orders.fifo");
  CHECK(BodiesOf(again) == Bodies{"g1", "g2", "g3"});
  CHECK(again[0].receive_count == 1);
  CHECK(again[1].receive_count == 2);
}

QUEUE_TEST("FIFO message deleted outside its lease") {
  FIXTURE;
  q.Create("orders.fifo", Fifo({.visibility_timeout = 10s}));
  q.SendFifo("orders.fifo", "a", "g");
  const auto stale = q.ReceiveOne("orders.fifo");
  q.executor.Advance(10s);
  CHECK(q.Delete("orders.fifo", stale.receipt_handle).error().code == ErrorCode::kNotFound);
  const auto current = q.ReceiveOne("orders.fifo");
  CHECK(q.Delete("orders.fifo", stale.receipt_handle).error().code == ErrorCode::kNotFound);
  CHECK(q.Delete("orders.fifo", current.receipt_handle).ok());
  CHECK(q.Delete("orders.fifo", current.receipt_handle).ok());
}

QUEUE_TEST("same deduplication id within and after five minutes, also when the first is deleted") {
  FIXTURE;
  q.Create("orders.fifo", kFifoQueue);
  const auto first = q.TrySendFifo("orders.fifo", "a", "g", "1").value();
  CHECK(q.TrySendFifo("orders.fifo", "b", "h", "1").value() == first);
  CHECK(q.Delete("orders.fifo", q.ReceiveOne("orders.fifo").receipt_handle).ok());
  q.executor.Advance(299s);
  CHECK(q.TrySendFifo("orders.fifo", "c", "g", "1").value() == first);
  CHECK(q.Receive("orders.fifo").empty());
  q.executor.Advance(1s);
  CHECK_FALSE(q.TrySendFifo("orders.fifo", "d", "g", "1").value() == first);
  CHECK(q.ReceiveOne("orders.fifo").body == "d");
}

QUEUE_TEST("deduplication by content, and by group") {
  FIXTURE;
  q.Create("orders.fifo", Fifo({.content_based_deduplication = true,
                                .deduplication_scope = DeduplicationScope::kMessageGroup}));
  const auto first = q.TrySendFifo("orders.fifo", "a", "g", "").value();
  CHECK(q.TrySendFifo("orders.fifo", "a", "g", "").value() == first);
  CHECK_FALSE(q.TrySendFifo("orders.fifo", "a", "h", "").value() == first);
  CHECK_FALSE(q.TrySendFifo("orders.fifo", "b", "g", "").value() == first);
  CHECK_FALSE(q.TrySendFifo("orders.fifo", "a", "g", "own").value() == first);
  // sha256("a")
  CHECK(q.ReceiveOne("orders.fifo").deduplication_id ==
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
}

QUEUE_TEST("delay of the queue keeps order, and a change of it is for what waits too") {
  FIXTURE;
  q.Create("orders.fifo", Fifo({.delay = 10s}));
  q.SendFifo("orders.fifo", "g1", "g");
  q.executor.Advance(5s);
  q.SendFifo("orders.fifo", "g2", "g");
  CHECK(q.Statistics("orders.fifo").delayed == 2);
  q.executor.Advance(5s);
  CHECK(q.WasTold("orders.fifo"));
  CHECK(BodiesOf(q.Receive("orders.fifo")) == Bodies{"g1"});
  q.SendFifo("orders.fifo", "h1", "h");
  CHECK(q.Configure("orders.fifo", Fifo({.delay = 1s})).ok());
  q.executor.Advance(1s);
  CHECK(BodiesOf(q.Receive("orders.fifo")) == Bodies{"h1"});
  CHECK(q.Statistics("orders.fifo").visible == 1);
}

QUEUE_TEST("same receive attempt gives the same messages again") {
  FIXTURE;
  q.Create("orders.fifo", Fifo({.visibility_timeout = 30s}));
  for (const char* body : {"g1", "g2", "h1"}) q.SendFifo("orders.fifo", body, {body[0]});
  const ReceiveRequest attempt{.count = 2, .attempt_id = "once"};
  const auto first = q.TryReceive("orders.fifo", attempt).value();
  q.executor.Advance(29s);
  const auto again = q.TryReceive("orders.fifo", attempt).value();
  CHECK(BodiesOf(again) == Bodies{"g1", "g2"});
  CHECK(again[0].receipt_handle == first[0].receipt_handle);
  CHECK(again[0].receive_count == 1);
  q.executor.Advance(29s);
  CHECK(q.Delete("orders.fifo", first[1].receipt_handle).ok());
  CHECK(BodiesOf(q.TryReceive("orders.fifo", attempt).value()) == Bodies{"h1"});
  q.Create("orders");
  CHECK(q.TryReceive("orders", attempt).error().code == ErrorCode::kInvalidArgument);
}

QUEUE_TEST("receive attempt whose lease was changed, or is over") {
  FIXTURE;
  q.Create("orders.fifo", Fifo({.visibility_timeout = 30s}));
  q.SendFifo("orders.fifo", "g1", "g");
  const ReceiveRequest attempt{.attempt_id = "once"};
  const auto first = q.TryReceive("orders.fifo", attempt).value();
  CHECK(q.ChangeVisibility("orders.fifo", first[0].receipt_handle, 60s).ok());
  CHECK(q.TryReceive("orders.fifo", attempt).value().empty());
  q.executor.Advance(60s);
  const auto second = q.TryReceive("orders.fifo", attempt).value();
  CHECK(second.at(0).receive_count == 2);
}

QUEUE_TEST("dead letter of a FIFO queue frees its group and keeps order there") {
  FIXTURE;
  q.Create("dead.fifo", kFifoQueue);
  q.Create("dead");
  const auto with = [](const char* dead_letters) {
    return Fifo({.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = dead_letters});
  };
  CHECK(q.TryCreate("orders.fifo", with("dead")).error().code == ErrorCode::kInvalidArgument);
  q.Create("orders.fifo", with("dead.fifo"));
  for (const char* body : {"g1", "g2", "g3"}) q.SendFifo("orders.fifo", body, "g");
  CHECK(q.ReceiveOne("orders.fifo").body == "g1");
  CHECK(q.ReceiveOne("orders.fifo", 30s).body == "g2");
  CHECK(BodiesOf(q.Peek("dead.fifo")) == Bodies{"g1"});
  q.executor.Advance(30s);
  CHECK(q.ReceiveOne("orders.fifo", 30s).body == "g3");
  const auto letters = q.Receive("dead.fifo");
  CHECK(BodiesOf(letters) == Bodies{"g1", "g2"});
  CHECK(letters[0].group_id == "g");
  CHECK(letters[0].dead_letter_source == "orders.fifo");
  CHECK(q.Statistics("orders.fifo").dead_lettered == 2);
}

QUEUE_TEST("message discarded from a blocked group leaves it blocked") {
  FIXTURE;
  q.Create("orders.fifo", kFifoQueue);
  const auto first = q.SendFifo("orders.fifo", "g1", "g");
  const auto second = q.SendFifo("orders.fifo", "g2", "g");
  q.SendFifo("orders.fifo", "g3", "g");
  const auto leased = q.ReceiveOne("orders.fifo");
  CHECK(q.Discard("orders.fifo", {first.message_id, second.message_id}) == 1);
  CHECK(q.Receive("orders.fifo").empty());
  CHECK(q.Delete("orders.fifo", leased.receipt_handle).ok());
  CHECK(BodiesOf(q.Receive("orders.fifo")) == Bodies{"g3"});
}

QUEUE_TEST("group whose last message became a dead letter begins anew, behind others") {
  FIXTURE;
  q.Create("dead.fifo", kFifoQueue);
  q.Create("orders.fifo",
           Fifo({.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = "dead.fifo"}));
  q.SendFifo("orders.fifo", "g1", "g");
  (void)q.ReceiveOne("orders.fifo");
  CHECK(q.Receive("orders.fifo").empty());
  q.SendFifo("orders.fifo", "h1", "h");
  q.SendFifo("orders.fifo", "g2", "g");
  CHECK(BodiesOf(q.Receive("orders.fifo")) == Bodies{"h1", "g2"});
}

QUEUE_TEST("FIFO messages discarded, expired, purged: the rest of their group goes on") {
  FIXTURE;
  q.Create("orders.fifo", Fifo({.retention = 60s}));
  const auto first = q.SendFifo("orders.fifo", "g1", "g");
  q.SendFifo("orders.fifo", "g2", "g");
  q.executor.Advance(30s);
  q.SendFifo("orders.fifo", "g3", "g");
  CHECK(q.Discard("orders.fifo", {first.message_id}) == 1);
  CHECK(BodiesOf(q.Peek("orders.fifo")) == Bodies{"g2", "g3"});
  q.executor.Advance(30s);
  CHECK(q.Statistics("orders.fifo").oldest_age == 30s);
  CHECK(BodiesOf(q.Receive("orders.fifo", 1)) == Bodies{"g3"});
  CHECK(q.Purge("orders.fifo").ok());
  q.SendFifo("orders.fifo", "g4", "g");
  CHECK(BodiesOf(q.Receive("orders.fifo")) == Bodies{"g4"});
}

QUEUE_TEST("age of a FIFO queue counts what waits behind a blocked group") {
  FIXTURE;
  q.Create("orders.fifo", kFifoQueue);
  q.SendFifo("orders.fifo", "g1", "g");
  q.executor.Advance(1s);
  q.SendFifo("orders.fifo", "g2", "g");
  (void)q.ReceiveOne("orders.fifo");
  q.executor.Advance(5s);
  CHECK(q.Statistics("orders.fifo").oldest_age == 5s);
}

// ---- moving back

class Letters {
 public:
  template <class Fixture>
  static void Make(Fixture& q, int count) {
    q.Create("dead");
    q.Create("orders", {.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = "dead"});
    for (int i = 0; i < count; ++i) q.Send("orders", "m" + std::to_string(i));
    (void)q.Receive("orders", 1'000);
    CHECK(q.Receive("orders", 1'000).empty());
  }
};

QUEUE_TEST("dead letters moved back, each to its own queue") {
  FIXTURE;
  Letters::Make(q, 3);
  q.Create("other", {.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = "dead"});
  q.Send("other", "o");
  (void)q.Receive("other");
  CHECK(q.Receive("other").empty());
  const auto ids = q.Peek("dead");
  const auto handle = q.StartMove("dead").value();
  const MoveTask task = q.AwaitMove("dead");
  CHECK(task.handle == handle);
  CHECK(task.state == MoveTask::State::kCompleted);
  CHECK(task.moved == 4);
  CHECK(task.to_move == 4);
  CHECK(q.Statistics("dead").visible == 0);
  const auto back = q.Receive("orders", 10, 30s);
  CHECK(BodiesOf(back) == Bodies{"m0", "m1", "m2"});
  CHECK(back[0].message_id == ids[0].message_id);
  CHECK(back[0].receive_count == 1);
  CHECK(back[0].dead_letter_source.empty());
  CHECK(BodiesOf(q.Receive("other")) == Bodies{"o"});
}

QUEUE_TEST("dead letters moved to a queue that was named") {
  FIXTURE;
  Letters::Make(q, 2);
  q.Create("elsewhere");
  REQUIRE(q.StartMove("dead", "elsewhere").ok());
  CHECK(q.AwaitMove("dead").moved == 2);
  CHECK(BodiesOf(q.Receive("elsewhere")) == Bodies{"m0", "m1"});
}

QUEUE_TEST("rate of a move is kept, its progress is shown, it can be cancelled") {
  FIXTURE;
  Letters::Make(q, 30);
  const auto handle = q.StartMove("dead", "", 10).value();
  CHECK(q.StartMove("dead").error().code == ErrorCode::kConflict);
  for (int second = 1; second <= 2; ++second) {
    for (int step = 0; step < 10; ++step) {
      q.executor.Advance(100ms);
      (void)q.ListMoves("dead");
    }
    CHECK(q.ListMoves("dead").value().front().moved == static_cast<uint64_t>(10 * second));
  }
  CHECK(q.CancelMove(handle).value() == 20);
  CHECK(q.CancelMove(handle).error().code == ErrorCode::kNotFound);
  q.executor.Advance(10s);
  const MoveTask task = q.ListMoves("dead").value().front();
  CHECK(task.state == MoveTask::State::kCancelled);
  CHECK(task.moved == 20);
  CHECK(q.Statistics("dead").visible == 10);
}

QUEUE_TEST("moves that are refused") {
  FIXTURE;
  Letters::Make(q, 1);
  q.Create("fifo.fifo", kFifoQueue);
  CHECK(q.StartMove("ghost").error().code == ErrorCode::kNotFound);
  CHECK(q.StartMove("orders").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.StartMove("dead", "ghost").error().code == ErrorCode::kNotFound);
  CHECK(q.StartMove("dead", "dead").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.StartMove("dead", "fifo.fifo").error().code == ErrorCode::kInvalidArgument);
  CHECK(q.CancelMove("none").error().code == ErrorCode::kNotFound);
  CHECK(q.ListMoves("ghost").error().code == ErrorCode::kNotFound);
  CHECK(q.ListMoves("dead").value().empty());
}

QUEUE_TEST("move of a letter that has no queue to go to fails and says why") {
  FIXTURE;
  Letters::Make(q, 1);
  q.Send("dead", "sent here by hand");
  REQUIRE(q.StartMove("dead").ok());
  const MoveTask task = q.AwaitMove("dead");
  CHECK(task.state == MoveTask::State::kFailed);
  CHECK(task.moved == 1);
  CHECK_THAT(task.failure, Catch::Contains("name a destination"));
  CHECK(BodiesOf(q.Peek("dead")) == Bodies{"sent here by hand"});
}

QUEUE_TEST("letters that arrive during a move stay") {
  FIXTURE;
  Letters::Make(q, 4);
  REQUIRE(q.StartMove("dead", "", 2).ok());
  q.Send("dead", "late");
  for (int step = 0; step < 8; ++step) {
    q.executor.Advance(500ms);
    (void)q.ListMoves("dead");
  }
  CHECK(q.ListMoves("dead").value().front().state == MoveTask::State::kCompleted);
  CHECK(BodiesOf(q.Peek("dead")) == Bodies{"late"});
}

QUEUE_TEST("FIFO letters moved back in the order of their group") {
  FIXTURE;
  q.Create("dead.fifo", kFifoQueue);
  q.Create("orders.fifo",
           Fifo({.visibility_timeout = 0s, .receives_max = 1, .dead_letter_queue = "dead.fifo"}));
  for (const char* body : {"g1", "h1", "g2", "h2"}) q.SendFifo("orders.fifo", body, {body[0]});
  (void)q.Receive("orders.fifo");
  CHECK(q.Receive("orders.fifo").empty());
  CHECK(q.Statistics("dead.fifo").visible == 4);
  REQUIRE(q.StartMove("dead.fifo").ok());
  CHECK(q.AwaitMove("dead.fifo").moved == 4);
  CHECK(BodiesOf(q.Receive("orders.fifo")) == Bodies{"g1", "g2", "h1", "h2"});
}

QUEUE_TEST("only the last ten moves are listed, newest first") {
  FIXTURE;
  Letters::Make(q, 0);
  std::vector<std::string> handles;
  for (int i = 0; i < 11; ++i) {
    handles.push_back(q.StartMove("dead").value());
    (void)q.AwaitMove("dead");
  }
  const auto listed = q.ListMoves("dead").value();
  REQUIRE(listed.size() == 10);
  CHECK(listed.front().handle == handles.back());
  CHECK(listed.back().handle == handles[1]);
}

}  // namespace
}  // namespace hearth
