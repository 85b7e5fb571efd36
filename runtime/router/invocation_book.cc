#include "runtime/router/invocation_book.h"

#include <utility>

#include "runtime/base/check.h"

namespace hearth {
namespace {

constexpr std::string_view kPrefix = "i/";
constexpr size_t kRemovedAtOnce = 500;

std::string InvocationKey(const std::string& id) { return std::string(kPrefix) + id; }

// A restart finds a running one where it stood before.
AsyncInvocation Stored(AsyncInvocation invocation) {
  if (invocation.state == AsyncState::kRunning)
    invocation.state = invocation.failures > 0 ? AsyncState::kRetrying : AsyncState::kQueued;
  return invocation;
}

void AddRemoval(std::vector<KeyStore::Write>& writes, const std::string& id) {
  for (const char* prefix : {"i/", "r/", "e/"}) writes.push_back({prefix + id, std::nullopt});
}

}  // namespace

InvocationBook::InvocationBook(Options options, KeyStore& keys, Executor& executor, Log& log)
    : options_(options), keys_(keys), executor_(executor), log_(log) {}

void InvocationBook::Load(Done done) {
  keys_.List(std::string(kPrefix),
             [weak = weak_.Get(), done = std::move(done)](Result<std::vector<KeyStore::Entry>> entries) {
               if (!weak) return;
               if (!entries.ok()) return done(entries.error().WithContext("load asynchronous invocations"));
               for (const KeyStore::Entry& entry : *entries) {
                 auto invocation = DecodeAsyncInvocationJson(entry.value);
                 if (invocation.ok()) {
                   weak->Take(std::move(invocation).value());
                 } else if (invocation.error().code == ErrorCode::kUnsupported) {
                   return done(invocation.error().WithContext(entry.key));
                 } else {
                   weak->log_.Error("what is known of an invocation cannot be read",
                                    {{"key", entry.key}, {"why", invocation.error().message}});
                 }
               }
               weak->Expire();
               done(Ok());
             });
}

AsyncInvocation* InvocationBook::Known(const std::string& id) {
  const auto order = by_id_.find(id);
  return order == by_id_.end() ? nullptr : &by_age_.at(order->second);
}

const AsyncInvocation* InvocationBook::Find(const RequestId& id) const {
  const auto order = by_id_.find(id.text());
  return order == by_id_.end() ? nullptr : &by_age_.at(order->second);
}

const AsyncInvocation* InvocationBook::FindKey(const std::string& function,
                                               const std::string& key_hash) const {
  const auto id = by_key_.find({function, key_hash});
  return id == by_key_.end() ? nullptr : Find(RequestId(id->second));
}

std::vector<const AsyncInvocation*> InvocationBook::List(const Filter& filter) const {
  std::vector<const AsyncInvocation*> found;
  for (auto at = by_age_.rbegin(); at != by_age_.rend() && found.size() < filter.count_max; ++at) {
    const AsyncInvocation& one = at->second;
    if (!filter.function.empty() && one.function != filter.function) continue;
    if (filter.state && one.state != *filter.state) continue;
    found.push_back(&one);
  }
  return found;
}

void InvocationBook::Take(AsyncInvocation invocation) {
  const std::string id = invocation.request_id.text();
  Drop(id);
  const Order order{invocation.accepted, id};
  by_id_[id] = order;
  if (!invocation.key_hash.empty()) by_key_[{invocation.function, invocation.key_hash}] = id;
  if (HasEnded(invocation.state)) {
    ended_.insert({invocation.settled, id});
  } else {
    ++open_;
  }
  by_age_[order] = std::move(invocation);
}

void InvocationBook::Drop(const std::string& id) {
  const auto order = by_id_.find(id);
  if (order == by_id_.end()) return;
  const AsyncInvocation& known = by_age_.at(order->second);
  if (HasEnded(known.state)) {
    ended_.erase({known.settled, id});
  } else {
    --open_;
  }
  if (!known.key_hash.empty()) by_key_.erase({known.function, known.key_hash});
  by_age_.erase(order->second);
  by_id_.erase(order);
}

void InvocationBook::Put(AsyncInvocation invocation, More more, Done done) {
  const std::string id = invocation.request_id.text();
  std::vector<KeyStore::Write> writes{{InvocationKey(id), EncodeAsyncInvocationJson(Stored(invocation))}};
  if (more.result) writes.push_back({"r/" + id, std::move(*more.result)});
  if (more.event) writes.push_back({"e/" + id, std::move(*more.event)});
  const bool ended = HasEnded(invocation.state);
  Take(std::move(invocation));
  keys_.Apply(std::move(writes),
              [weak = weak_.Get(), id, ended, done = std::move(done)](const Status& stored) {
                if (!weak) return;
                done(stored);
                if (ended && weak) weak->TellWaiters(id);
              });
  if (!ended) return;
  if (ended_.size() >= options_.kept_max + kRemovedAtOnce) return Expire();
  ExpireLater();
}

void InvocationBook::Note(const RequestId& id, AsyncState state) {
  CHECK_TRUE(!HasEnded(state));
  if (AsyncInvocation* known = Known(id.text())) known->state = state;
}

void InvocationBook::Remove(const RequestId& id) {
  Drop(id.text());
  std::vector<KeyStore::Write> writes;
  AddRemoval(writes, id.text());
  keys_.Apply(std::move(writes), [](const Status&) {});
  TellWaiters(id.text());
}

void InvocationBook::ForgetFunction(const std::string& function) {
  std::vector<RequestId> gone;
  for (const auto& [order, one] : by_age_) {
    if (one.function == function) gone.push_back(one.request_id);
  }
  for (const RequestId& id : gone) Remove(id);
}

InvocationBook::Wait InvocationBook::WhenEnded(const RequestId& id, std::function<void()> ended) {
  const uint64_t number = next_wait_++;
  waiters_[number] = {id.text(), std::move(ended)};
  const AsyncInvocation* known = Find(id);
  if (known == nullptr || HasEnded(known->state)) {
    executor_.Post([weak = weak_.Get(), text = id.text()] {
      if (weak) weak->TellWaiters(text);
    });
  }
  return {weak_.Get(), number};
}

// A waiter may drop others, or wait again.
void InvocationBook::TellWaiters(const std::string& id) {
  std::vector<std::function<void()>> told;
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    if (at->second.id != id) {
      ++at;
      continue;
    }
    told.push_back(std::move(at->second.ended));
    at = waiters_.erase(at);
  }
  for (const auto& ended : told) ended();
}

InvocationBook::Wait& InvocationBook::Wait::operator=(Wait&& other) noexcept {
  Drop();
  book_ = std::move(other.book_);
  number_ = std::exchange(other.number_, 0);
  return *this;
}

void InvocationBook::Wait::Drop() {
  if (book_ && number_ != 0) book_->waiters_.erase(number_);
  number_ = 0;
}

void InvocationBook::ExpireLater() {
  if (expire_.armed()) return;
  expire_ = executor_.After(kExpireEach, [this] {
    expire_.Cancel();
    Expire();
  });
}

void InvocationBook::Expire() {
  const WallTime oldest = executor_.clock().WallNow() - options_.kept_for;
  std::vector<KeyStore::Write> writes;
  for (size_t removed = 0; removed < kRemovedAtOnce && !ended_.empty(); ++removed) {
    if (ended_.size() <= options_.kept_max && ended_.begin()->first > oldest) break;
    const std::string id = ended_.begin()->second;
    Drop(id);
    AddRemoval(writes, id);
  }
  if (!writes.empty()) keys_.Apply(std::move(writes), [](const Status&) {});
  if (!ended_.empty()) ExpireLater();
}

}  // namespace hearth
