#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/units.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/model/invocation_record.h"
#include "runtime/model/observers.h"
#include "runtime/model/platform_event.h"
#include "runtime/telemetry/log_files.h"
#include "runtime/telemetry/log_line.h"
#include "runtime/telemetry/piece_queue.h"

namespace hearth {

// The newest lines of every function. What the platform says of an invocation - START, END, REPORT - is kept as the
// figures that it is made of, and written when somebody reads it: nobody reads most of it.
//
// Owned by main. In memory; what handlers logged goes to LogFiles too, once it has some.
// Thread:  loop thread.
// Limits:  256 KiB a line, 4 MiB a function, 64 MiB in all (settings); the oldest go first, and a reader who
//          would have seen them gets a line that says how many went.
// Promise: no callback runs after its Subscription is destroyed.
class LogStore final : public HandlerLogObserver {
 public:
  struct Options {
    Bytes function_max = 4_MiB;
    Bytes total_max = 64_MiB;
    Bytes line_max = 256_KiB;
    // What the platform's lines are in the text format; without a newline. `trace_id`: of a sampled request, or "".
    std::string (*start_line)(std::string_view request_id, std::string_view version) = nullptr;
    std::string (*end_line)(const InvocationRecord& record) = nullptr;
    std::string (*report_line)(const InvocationRecord& record, std::string_view trace_id) = nullptr;
    // How a version's log is written, as it is set when somebody reads it. Without: as text.
    std::function<LogSettings(std::string_view function, std::string_view version)> settings_of = nullptr;
  };
  struct Query {
    std::string_view function;
    uint64_t after = 0;  // lines with a higher number
    WallTime since = WallTime::min();
    std::string_view request_id = {};  // "" for all
    size_t lines_max = 10'000;
  };
  struct Page {
    std::vector<StoredLogLine> lines;
    uint64_t cursor = 0;  // the next query's `after`
  };
  using OnLine = std::function<void(const StoredLogLine&)>;

  // Keeps a callback registered as long as it lives.
  class Subscription final {
   public:
    Subscription() = default;
    Subscription(Subscription&& other) noexcept
        : store_(std::exchange(other.store_, {})), id_(std::exchange(other.id_, 0)) {}
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription() { End(); }

   private:
    friend class LogStore;
    Subscription(WeakPtr<LogStore> store, uint64_t id) : store_(std::move(store)), id_(id) {}
    void End();

    WeakPtr<LogStore> store_;
    uint64_t id_ = 0;
  };

  LogStore() : LogStore(Options()) {}
  explicit LogStore(Options options) : options_(options) {}

  // Before the first line. They outlive it.
  void SetFiles(LogFiles& files);

  void OnHandlerLog(const HandlerLogLine& line) override;
  // START; END and REPORT of the record that has that number in the ledger. Nothing where the options have no text
  // for them.
  // `trace_id`: the X-Amzn-Trace-Id of a request that is sampled. It is kept in the files too, as a line of the
  // platform's without a message: the ledger has no place for it.
  void KeepStart(std::string_view function, std::string_view version, std::string_view request_id,
                 WallTime time, std::string_view trace_id = {});
  void KeepEnd(const InvocationRecord& record, uint64_t ledger_number, WallTime time,
               std::string_view trace_id = {});

  Page Read(const Query& query) const;
  // The last `bytes_max` bytes of what an invocation logged since `since`, one line each, oldest first.
  std::string TailOf(std::string_view function, std::string_view request_id, WallTime since,
                     size_t bytes_max = 4'096) const;
  // Each new line of the function, as it comes. The callback may end its own or another subscription.
  [[nodiscard]] Subscription Follow(std::string function, OnLine on_line);
  void ForgetFunction(std::string_view function);  // its lines; those who follow it stay

  LogSettings SettingsOf(std::string_view function, std::string_view version) const;
  // Lines from elsewhere, each in its version's format; those of the platform that its level leaves out go.
  void ApplySettings(std::string_view function, std::vector<StoredLogLine>& lines) const;

  // From where on all lines of a function are here: its first one, or where the next will be.
  struct Reach {
    uint64_t number = 0;
    WallTime time = WallTime::max();
    uint64_t ledger_number = UINT64_MAX;  // of the first record of which END and REPORT are here
  };
  Reach ReachOf(std::string_view function) const;

  uint64_t bytes_held() const { return bytes_; }

 private:
  // One or, of an end, two lines, in one piece of memory with their text behind it: version, request id, message, fields;
  // behind a start's request id its trace id, behind an end's its figures and trace id.
  struct Kept {
    enum class Kind : uint8_t { kLine, kStart, kEnd };
    uint64_t number = 0;
    WallTime time{};
    Kind kind = Kind::kLine;
    LogSource source = LogSource::kHandler;
    uint8_t level = 2;
    uint32_t version_bytes = 0, request_id_bytes = 0, message_bytes = 0, text_bytes = 0;

    uint64_t last_number() const { return kind == Kind::kEnd ? number + 1 : number; }
    std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), text_bytes}; }
    std::string_view version() const { return text().substr(0, version_bytes); }
    std::string_view request_id() const { return text().substr(version_bytes, request_id_bytes); }
    std::string_view rest() const { return text().substr(version_bytes + request_id_bytes); }
  };
  struct FunctionLog {
    PieceQueue memory;
    std::deque<const Kept*> lines;
    uint64_t bytes = 0;
    uint64_t dropped = 0;         // lines, since ever
    uint64_t dropped_bytes = 0;   // of their texts
    uint64_t dropped_number = 0;  // of the newest dropped one
    uint64_t place = 0;           // in by_oldest_; 0: not there
  };
  using Functions = std::map<std::string, FunctionLog, std::less<>>;
  struct Follower {
    std::string function;
    OnLine on_line;
  };

  static uint64_t CostOf(const Kept& kept);
  // The text goes into `text`.
  Kept Keepable(const HandlerLogLine& line, std::string& text) const;
  // `kept`, with a text of these pieces.
  void Keep(std::string_view function, Kept kept, std::initializer_list<std::string_view> pieces);
  void LinesOf(const Kept& kept, LogSettings settings, std::vector<StoredLogLine>& lines) const;
  void StartOf(const Kept& kept, StoredLogLine line, std::vector<StoredLogLine>& lines) const;
  void EndOf(const Kept& kept, StoredLogLine line, std::vector<StoredLogLine>& lines) const;
  void DropOldest(FunctionLog& log);
  void DropOldestOfAll();
  void MakeRoom(FunctionLog& log);
  void Tell(std::string_view function, const StoredLogLine& line);
  StoredLogLine DroppedMarker(std::string_view function, const FunctionLog& log) const;

  // Constant after construction.
  const Options options_;
  // Borrowed.
  LogFiles* files_ = nullptr;

  Functions functions_;
  // By the number that a log's first line had when it was last looked at: no later one than it has now.
  std::map<uint64_t, FunctionLog*> by_oldest_;
  uint64_t bytes_ = 0;
  uint64_t next_number_ = 1;
  std::map<uint64_t, Follower> followers_;
  uint64_t next_follower_ = 1;

  WeakPtrFactory<LogStore> weak_{this};
};

}  // namespace hearth
