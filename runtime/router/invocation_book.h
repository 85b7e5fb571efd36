#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/executor.h"
#include "runtime/model/async_invocation.h"
#include "runtime/store/key_store.h"

namespace hearth {

// What is known of asynchronous invocations: state, attempts, result. The truth about them; the queues only say when
// each is to be looked at.
//
// Owns:    the table, in memory and in `keys`: "i/ID" the invocation, "r/ID" its result, "e/ID" the event of one that
//          failed, so that it can be tried again.
// Borrows: store, executor, log: all outlive it. Owned by the daemon; AsyncEvents changes it, control reads it.
// Thread:  loop thread; callbacks run later, never inside the call.
// Limits:  kResultKeptMax bytes of a result; what has ended is kept kept_max at a time and kept_for at most, the oldest
//          goes first; open_max that have not ended: one more is refused where it is accepted.
// Failure: a record that cannot be read is left out and logged at the start.
// Promise: no callback runs after the destructor returns.
class InvocationBook final {
 public:
  struct Options {
    size_t kept_max = 10'000;
    std::chrono::hours kept_for{24};
    size_t open_max = 100'000;
  };
  static constexpr uint64_t kResultKeptMax = 262'144;
  static constexpr seconds kExpireEach{10};

  using Done = std::function<void(Status)>;
  struct Filter {
    std::string function;             // "": all
    std::optional<AsyncState> state;  // nothing: all
    size_t count_max = 50;
  };

  InvocationBook(Options options, KeyStore& keys, Executor& executor, Log& log);

  void Load(Done done);

  const AsyncInvocation* Find(const RequestId& id) const;
  // The one of that function and key that was there first.
  const AsyncInvocation* FindKey(const std::string& function, const std::string& key_hash) const;
  std::vector<const AsyncInvocation*> List(const Filter& filter) const;  // newest first
  bool full() const { return open_ >= options_.open_max; }
  size_t size() const { return by_id_.size(); }
  size_t open() const { return open_; }  // have not ended
  const Options& options() const { return options_; }

  // What else is kept, changed with it or not at all. Nothing: as it is.
  struct More {
    std::optional<std::string> result{};
    std::optional<std::string> event{};
  };
  // In memory at once, durable when `done` runs. Replaces what is known of that id. The state kRunning is stored as
  // what a restart should find.
  void Put(AsyncInvocation invocation, More more, Done done);
  void Put(AsyncInvocation invocation, Done done) { Put(std::move(invocation), {}, std::move(done)); }
  // In memory only: a restart does not know of it.
  void Note(const RequestId& id, AsyncState state);
  void Remove(const RequestId& id);
  void ForgetFunction(const std::string& function);

  using OnText = std::function<void(Result<std::optional<std::string>>)>;
  void ReadResult(const RequestId& id, OnText done) const { keys_.Get("r/" + id.text(), std::move(done)); }
  void ReadEvent(const RequestId& id, OnText done) const { keys_.Get("e/" + id.text(), std::move(done)); }

  // Runs once it has ended, or is not there any more. Dropped with the returned lease.
  class Wait final {
   public:
    Wait() = default;
    Wait(Wait&& other) noexcept : book_(std::move(other.book_)), number_(std::exchange(other.number_, 0)) {}
    Wait& operator=(Wait&& other) noexcept;
    ~Wait() { Drop(); }

   private:
    friend class InvocationBook;
    Wait(WeakPtr<InvocationBook> book, uint64_t number) : book_(std::move(book)), number_(number) {}
    void Drop();
    WeakPtr<InvocationBook> book_;
    uint64_t number_ = 0;
  };
  [[nodiscard]] Wait WhenEnded(const RequestId& id, std::function<void()> ended);

 private:
  using Order = std::pair<WallTime, std::string>;  // accepted, id
  struct Waiter {
    std::string id;
    std::function<void()> ended;
  };

  AsyncInvocation* Known(const std::string& id);
  void Take(AsyncInvocation invocation);
  void Drop(const std::string& id);
  void TellWaiters(const std::string& id);
  void ExpireLater();
  void Expire();

  // Constant after construction.
  const Options options_;
  // Borrowed.
  KeyStore& keys_;
  Executor& executor_;
  Log& log_;
  // Mutable.
  std::map<Order, AsyncInvocation> by_age_;
  std::unordered_map<std::string, Order> by_id_;
  std::map<std::pair<std::string, std::string>, std::string> by_key_;  // function, hash -> id
  std::set<std::pair<WallTime, std::string>> ended_;                   // when, id
  size_t open_ = 0;
  uint64_t next_wait_ = 1;
  std::map<uint64_t, Waiter> waiters_;
  Timer expire_;
  WeakPtrFactory<InvocationBook> weak_{this};
};

}  // namespace hearth
