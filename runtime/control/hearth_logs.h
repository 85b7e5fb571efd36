#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/weak_ptr.h"
#include "runtime/control/api_call.h"
#include "runtime/control/log_history.h"
#include "runtime/registry/function_registry.h"
#include "runtime/telemetry/log_store.h"

namespace hearth {

// GET /_hearth/v1/logs/{function}?since=&request-id=&lines=&follow=1: one JSON object a line, oldest first; with
// follow, new lines as they come until the client goes. What memory has no more comes from files and the ledger.
//
// Owns:    the answers that follow.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread.
// Limits:  the newest kLinesMax lines of what is asked for, or fewer by `lines`; if there are more the first line says
//          so. kFollowersMax at once; a client that leaves over kUntakenMax untaken misses lines, and is told how
//          many.
class HearthLogs final {
 public:
  static constexpr size_t kLinesMax = 10'000;
  static constexpr size_t kFollowersMax = 256;
  static constexpr uint64_t kUntakenMax = 1 << 20;

  // Without a history there is what memory has.
  HearthLogs(LogStore& logs, LogHistory* history, FunctionRegistry& registry, const Clock& clock);
  ~HearthLogs();

  void Get(const ApiCallPtr& call);
  void EndFollows();
  size_t followers() const { return followers_.size(); }

 private:
  struct Follower;

  struct Asked;

  Result<Asked> Read(const ApiCallPtr& call) const;
  std::vector<StoredLogLine> InMemory(const Asked& asked) const;
  void ReadBefore(const Asked& asked, const std::vector<StoredLogLine>& in_memory,
                  std::function<void(std::string)> done);
  void Follow(const ApiCallPtr& call, const Asked& asked);
  Result<WallTime> ReadSince(const std::string& text) const;

  // Borrowed.
  LogStore& logs_;
  LogHistory* const history_;  // may be null
  FunctionRegistry& registry_;
  const Clock& clock_;
  // Mutable.
  std::map<uint64_t, std::unique_ptr<Follower>> followers_;
  uint64_t next_follower_ = 1;
  WeakPtrFactory<HearthLogs> weak_{this};
};

}  // namespace hearth
