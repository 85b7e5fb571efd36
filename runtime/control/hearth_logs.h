#pragma once

#include <map>
#include <memory>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/api_call.h"
#include "runtime/registry/function_registry.h"
#include "runtime/telemetry/log_store.h"

namespace hearth {

// GET /_hearth/v1/logs/{function}?since=&request-id=&follow=1: one JSON object a line, oldest first; with
// follow, new lines as they come until the client goes.
//
// Owns:    the answers that follow.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread.
// Limits:  kFollowersMax at once; a client that leaves over kUntakenMax untaken misses lines, and is told how
//          many.
class HearthLogs final {
 public:
  static constexpr size_t kFollowersMax = 256;
  static constexpr uint64_t kUntakenMax = 1 << 20;

  HearthLogs(LogStore& logs, FunctionRegistry& registry, const Clock& clock);
  ~HearthLogs();

  void Get(const ApiCallPtr& call);
  void EndFollows();
  size_t followers() const { return followers_.size(); }

 private:
  struct Follower;

  void Follow(const ApiCallPtr& call, const std::string& function, const std::string& request_id,
              std::string first);
  Result<WallTime> ReadSince(const std::string& text) const;

  // Borrowed.
  LogStore& logs_;
  FunctionRegistry& registry_;
  const Clock& clock_;
  // Mutable.
  std::map<uint64_t, std::unique_ptr<Follower>> followers_;
  uint64_t next_follower_ = 1;
  WeakPtrFactory<HearthLogs> weak_{this};
};

}  // namespace hearth
