#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "runtime/store/queue_store.h"
#include "tests/unit/runtime/store/test_executor.h"

namespace hearth {

using namespace std::chrono_literals;

// A queue store as a caller that waits for every answer sees it.
class QueueCaller {
 public:
  void Use(QueueStore& store, TestExecutor& executor) {
    store_ = &store;
    executor_ = &executor;
    store.SetOnVisible([this](std::string_view queue) { told_.emplace_back(queue); });
  }

  Status TryCreate(const std::string& queue, const QueueSettings& settings = {}) {
    return Await<void>(*executor_, [&](auto done) { store_->Create(queue, settings, done); });
  }
  void Create(const std::string& queue, const QueueSettings& settings = {}) {
    CHECK_TRUE(TryCreate(queue, settings).ok());
  }
  Result<std::vector<SentMessage>> TrySend(const std::string& queue, std::vector<NewMessage> messages) {
    return Await<std::vector<SentMessage>>(
        *executor_, [&](auto done) { store_->Send(queue, std::move(messages), done); });
  }
  std::string Send(const std::string& queue, NewMessage message) {
    return TrySend(queue, {std::move(message)}).value().front().message_id;
  }
  std::string Send(const std::string& queue, const std::string& body) {
    return Send(queue, NewMessage{.body = body});
  }
  Result<std::vector<QueueMessage>> TryReceive(const std::string& queue, uint32_t count = 10,
                                               seconds visibility = -1s) {
    return TryReceive(queue, ReceiveRequest{.count = count, .visibility = visibility});
  }
  Result<std::vector<QueueMessage>> TryReceive(const std::string& queue, const ReceiveRequest& request) {
    return Await<std::vector<QueueMessage>>(*executor_,
                                            [&](auto done) { store_->Receive(queue, request, done); });
  }
  std::vector<QueueMessage> Receive(const std::string& queue, uint32_t count = 10, seconds visibility = -1s) {
    return TryReceive(queue, count, visibility).value();
  }
  QueueMessage ReceiveOne(const std::string& queue, seconds visibility = -1s) {
    auto messages = Receive(queue, 1, visibility);
    CHECK_TRUE(messages.size() == 1);
    return messages.front();
  }
  std::vector<QueueMessage> Peek(const std::string& queue, uint32_t count = 10) {
    return Await<std::vector<QueueMessage>>(*executor_, [&](auto done) { store_->Peek(queue, count, done); })
        .value();
  }
  Status Delete(const std::string& queue, const std::string& handle) {
    return Await<std::vector<Status>>(*executor_, [&](auto done) { store_->Delete(queue, {handle}, done); })
        .value()
        .front();
  }
  Status ChangeVisibility(const std::string& queue, const std::string& handle, seconds visibility) {
    return Await<std::vector<Status>>(
               *executor_, [&](auto done) { store_->ChangeVisibility(queue, {handle}, visibility, done); })
        .value()
        .front();
  }
  Status Return(const std::string& queue, const std::string& handle) {
    return Await<std::vector<Status>>(*executor_, [&](auto done) { store_->Return(queue, {handle}, done); })
        .value()
        .front();
  }
  Status Purge(const std::string& queue) {
    return Await<void>(*executor_, [&](auto done) { store_->Purge(queue, done); });
  }
  Status Remove(const std::string& queue) {
    return Await<void>(*executor_, [&](auto done) { store_->Remove(queue, done); });
  }
  Status Configure(const std::string& queue, const QueueSettings& settings) {
    return Await<void>(*executor_, [&](auto done) { store_->Configure(queue, settings, done); });
  }
  std::vector<QueueDescription> List() {
    return Await<std::vector<QueueDescription>>(*executor_, [&](auto done) { store_->List(done); }).value();
  }
  Result<QueueDescription> Describe(const std::string& queue) {
    return Await<QueueDescription>(*executor_, [&](auto done) { store_->Describe(queue, done); });
  }
  QueueStatistics Statistics(const std::string& queue) {
    return Await<QueueStatistics>(*executor_, [&](auto done) { store_->Statistics(queue, done); }).value();
  }

  std::vector<std::pair<std::string, QueueStatistics>> AllStatistics() {
    return Await<std::vector<std::pair<std::string, QueueStatistics>>>(
               *executor_, [&](auto done) { store_->AllStatistics(done); })
        .value();
  }
  uint64_t Discard(const std::string& queue, std::vector<std::string> ids) {
    return Await<uint64_t>(*executor_, [&](auto done) { store_->Discard(queue, std::move(ids), done); })
        .value();
  }
  Status Tag(const std::string& queue, std::map<std::string, std::string> tags,
             std::vector<std::string> keys = {}) {
    return Await<void>(*executor_, [&](auto done) { store_->Tag(queue, std::move(tags), keys, done); });
  }

  Result<std::string> StartMove(const std::string& source, const std::string& destination = "",
                                uint32_t per_second_max = 0) {
    return Await<std::string>(
        *executor_, [&](auto done) { store_->StartMove(source, destination, per_second_max, done); });
  }
  Result<uint64_t> CancelMove(const std::string& handle) {
    return Await<uint64_t>(*executor_, [&](auto done) { store_->CancelMove(handle, done); });
  }
  Result<std::vector<MoveTask>> ListMoves(const std::string& source) {
    return Await<std::vector<MoveTask>>(*executor_, [&](auto done) { store_->ListMoves(source, done); });
  }
  // Lets the steps that are due run, without time passing between them.
  MoveTask AwaitMove(const std::string& source) {
    for (;;) {
      const MoveTask task = ListMoves(source).value().front();
      if (task.state != MoveTask::State::kRunning) return task;
      executor_->Advance(std::chrono::nanoseconds(0));
    }
  }
  Result<SentMessage> TrySendFifo(const std::string& queue, const std::string& body, const std::string& group,
                                  const std::string& deduplication_id) {
    auto sent =
        TrySend(queue, {NewMessage{.body = body, .group_id = group, .deduplication_id = deduplication_id}});
    if (!sent.ok()) return sent.error();
    return sent.value().front();
  }
  // Every body of a test is sent once: it is the deduplication id too.
  SentMessage SendFifo(const std::string& queue, const std::string& body, const std::string& group) {
    return TrySendFifo(queue, body, group, body).value();
  }

  // Names given to OnVisible since the last call, once everything asked for so far has been told.
  std::vector<std::string> TakeTold() {
    (void)List();
    (void)List();  // news follow the answers of their group
    return std::exchange(told_, {});
  }
  bool WasTold(const std::string& queue) {
    const auto told = TakeTold();
    return std::find(told.begin(), told.end(), queue) != told.end();
  }

 private:
  QueueStore* store_ = nullptr;
  TestExecutor* executor_ = nullptr;
  std::vector<std::string> told_;
};

inline std::vector<std::string> BodiesOf(const std::vector<QueueMessage>& messages) {
  std::vector<std::string> bodies;
  for (const auto& message : messages) bodies.push_back(message.body);
  return bodies;
}

}  // namespace hearth
