#include "runtime/control/hearth_logs.h"

#include <charconv>

#include "runtime/base/json_depth.h"
#include "runtime/control/hearth_bill.h"
#include "runtime/control/lambda_reference.h"
#include "runtime/model/log_settings.h"
#include "runtime/model/platform_event.h"
#include "runtime/telemetry/log_json.h"
#include "runtime/telemetry/log_text.h"

namespace hearth {
namespace {

constexpr const char* kJsonLines = "application/x-ndjson";

const char* NameOfSource(LogSource source) {
  switch (source) {
    case LogSource::kHandler:
      return "handler";
    case LogSource::kStdout:
      return "stdout";
    case LogSource::kStderr:
      return "stderr";
    case LogSource::kPlatform:
      return "platform";
  }
  return "unknown";
}

// `entry` must be JSON of its own: it is put in as it is.
std::string WithEntry(const Json& line, const std::string& entry) {
  std::string text = DumpJson(line);
  text.back() = ',';
  return text + "\"entry\":" + entry + "}\n";
}

std::string LineJson(const StoredLogLine& line) {
  Json out = {{"time", ToIso8601Millis(line.time)},
              {"version", line.version},
              {"request_id", line.request_id},
              {"source", NameOfSource(line.source)}};
  if (line.format == LogFormat::kJson) return WithEntry(out, LogEntryJson(line));
  out["message"] = line.message;
  if (line.source == LogSource::kHandler) out["level"] = LogLevelName(line.level);
  if (line.source != LogSource::kPlatform && !NestsDeeperThan(line.fields_json, kForeignJsonDepthMax)) {
    Json fields = Json::parse(line.fields_json, nullptr, /*allow_exceptions=*/false);
    if (fields.is_object()) out["fields"] = std::move(fields);
  }
  return DumpJson(out) + "\n";
}

std::string LinesJson(const std::vector<StoredLogLine>& lines) {
  std::string text;
  for (const StoredLogLine& line : lines) text += LineJson(line);
  return text;
}

// What is said of a log where it is read, and never kept.
class Markers final {
 public:
  Markers(LogFormat format, WallTime now) : format_(format), now_(now) {}

  std::string Missed(uint64_t lines) const {
    const std::string text = std::to_string(lines) + " lines were left out here: the reader was too slow";
    return Marker(text, LogsDroppedEvent(text, lines, 0));
  }
  std::string More() const {
    return Marker("[there may be older lines: narrow down with since or request-id, or ask for more lines]",
                  "");
  }
  std::string Dropped(uint64_t lines) const {
    const std::string text =
        "[" + std::to_string(lines) +
        " older lines were dropped: see log_keep_days, log_function_mib and log_total_mib]";
    return Marker(text, LogsDroppedEvent(text, lines, 0));
  }

 private:
  std::string Marker(const std::string& text, const std::string& event) const {
    Json out = {{"source", NameOfSource(LogSource::kPlatform)}};
    if (format_ == LogFormat::kJson) {
      StoredLogLine line{.time = now_, .source = LogSource::kPlatform, .message = text};
      line.fields_json = event;
      return WithEntry(out, LogEntryJson(line));
    }
    out["message"] = text;
    return DumpJson(out) + "\n";
  }

  const LogFormat format_;
  const WallTime now_;
};

// "90s", "15m", "2h", "7d"
std::optional<seconds> ParseAge(std::string_view text) {
  int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  constexpr int64_t kAgeMax = 1'000'000;
  if (failed != std::errc() || end + 1 != text.data() + text.size() || number < 0 || number > kAgeMax)
    return std::nullopt;
  switch (*end) {
    case 's':
      return seconds(number);
    case 'm':
      return std::chrono::minutes(number);
    case 'h':
      return std::chrono::hours(number);
    case 'd':
      return std::chrono::days(number);
    default:
      return std::nullopt;
  }
}

}  // namespace

struct HearthLogs::Asked {
  std::string function;
  WallTime since = WallTime::min();
  std::string request_id;
  size_t lines_max = kLinesMax;
  bool follow = false;
};

struct HearthLogs::Follower {
  ApiCallPtr call;
  std::string request_id;
  LogFormat format = LogFormat::kText;
  uint64_t missed = 0;
  // While what was before is read: what has come meanwhile.
  bool holds = true;
  std::string held;
  LogStore::Subscription subscription;

  void Tell(const StoredLogLine& line) {
    if (!request_id.empty() && line.request_id != request_id) return;
    if (held.size() > kUntakenMax || call->responder().bytes_waiting() > kUntakenMax) {
      ++missed;
      return;
    }
    std::string text;
    if (const uint64_t lines = std::exchange(missed, 0)) text = Markers(format, line.time).Missed(lines);
    text += LineJson(line);
    if (holds) {
      held += text;
    } else {
      call->responder().Write(std::move(text));
    }
  }
  void Release(std::string before) {
    holds = false;
    before += std::exchange(held, {});
    if (!before.empty()) call->responder().Write(std::move(before));
  }
};

HearthLogs::HearthLogs(LogStore& logs, LogHistory* history, FunctionRegistry& registry, const Clock& clock)
    : logs_(logs), history_(history), registry_(registry), clock_(clock) {}

HearthLogs::~HearthLogs() = default;

Result<WallTime> HearthLogs::ReadSince(const std::string& text) const {
  if (text.empty()) return WallTime::min();
  if (const auto age = ParseAge(text)) return clock_.WallNow() - *age;
  auto time = ParseUtcTime(text);
  if (!time.ok())
    return Error{ErrorCode::kInvalidArgument, "since: " + time.error().message + ", nor an age such as 15m"};
  return time;
}

Result<HearthLogs::Asked> HearthLogs::Read(const ApiCallPtr& call) const {
  HEARTH_ASSIGN(const FunctionReference reference, ReadFunctionReference(call->parameter("name"), ""));
  HEARTH_TRY(ResolveFunction(registry_, {reference.name, ""}));
  Asked asked;
  asked.function = reference.name;
  HEARTH_ASSIGN(asked.since, ReadSince(call->query("since")));
  asked.request_id = call->query("request-id");
  HEARTH_ASSIGN(asked.lines_max, call->query_number("lines", kLinesMax, 1, kLinesMax));
  const std::string follow = call->query("follow");
  asked.follow = follow == "1" || follow == "true";
  return asked;
}

void HearthLogs::Get(const ApiCallPtr& call) {
  const auto asked = Read(call);
  if (!asked.ok()) return call->Fail(asked.error());
  if (asked->follow) return Follow(call, *asked);
  const std::vector<StoredLogLine> in_memory = InMemory(*asked);
  ReadBefore(*asked, in_memory, [call, first = LinesJson(in_memory)](const std::string& before) {
    call->Answer(200, {{"content-type", kJsonLines}}, before + first);
  });
}

// The newest of those that are there; what has gone does not count here.
std::vector<StoredLogLine> HearthLogs::InMemory(const Asked& asked) const {
  LogStore::Query query{.function = asked.function, .since = asked.since, .request_id = asked.request_id};
  if (history_ != nullptr) query.after = logs_.ReachOf(asked.function).number - 1;
  std::vector<StoredLogLine> lines;
  for (;;) {
    LogStore::Page page = logs_.Read(query);
    lines.insert(lines.end(), std::make_move_iterator(page.lines.begin()),
                 std::make_move_iterator(page.lines.end()));
    if (page.lines.size() < query.lines_max) break;
    query.after = page.cursor;
  }
  if (lines.size() > asked.lines_max)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(asked.lines_max));
  return lines;
}

// What stands before the lines in memory, as text; at once when there can be nothing.
void HearthLogs::ReadBefore(const Asked& asked, const std::vector<StoredLogLine>& in_memory,
                            std::function<void(std::string)> done) {
  const LogStore::Reach reach = logs_.ReachOf(asked.function);
  const Markers markers(logs_.SettingsOf(asked.function, "$LATEST").format, clock_.WallNow());
  if (in_memory.size() >= asked.lines_max) return done(markers.More());
  if (history_ == nullptr || (reach.time != WallTime::max() && asked.since > reach.time)) return done("");
  LogHistory::Query query{.function = asked.function,
                          .before = reach,
                          .started = {},
                          .since = asked.since,
                          .request_id = asked.request_id,
                          .lines_max = asked.lines_max - in_memory.size()};
  for (const StoredLogLine& line : in_memory) {
    if (line.source == LogSource::kPlatform && line.message.starts_with("START "))
      query.started.push_back(line.request_id);
  }
  history_->Read(std::move(query), [weak = weak_.Get(), markers, function = asked.function,
                                    done = std::move(done)](LogHistory::Page page) {
    if (!weak) return;
    weak->logs_.ApplySettings(function, page.lines);
    std::string text;
    if (page.more) text = markers.More();
    if (page.dropped > 0) text += markers.Dropped(page.dropped);
    done(text + LinesJson(page.lines));
  });
}

// It hears what comes from here on, and says it behind what was before.
void HearthLogs::Follow(const ApiCallPtr& call, const Asked& asked) {
  if (followers_.size() >= kFollowersMax) {
    return call->Fail(Error{ErrorCode::kUnavailable,
                            std::to_string(kFollowersMax) + " clients follow logs already; end one"});
  }
  const uint64_t id = next_follower_++;
  auto& follower = followers_[id] = std::make_unique<Follower>();
  follower->call = call;
  follower->request_id = asked.request_id;
  follower->format = logs_.SettingsOf(asked.function, "$LATEST").format;
  call->Begin(200, {{"content-type", kJsonLines}});
  follower->subscription =
      logs_.Follow(asked.function, [raw = follower.get()](const StoredLogLine& line) { raw->Tell(line); });
  call->responder().OnClientGone([weak = weak_.Get(), id] {
    if (weak) weak->followers_.erase(id);
  });
  const std::vector<StoredLogLine> in_memory = InMemory(asked);
  ReadBefore(asked, in_memory,
             [weak = weak_.Get(), id, first = LinesJson(in_memory)](const std::string& before) {
               if (!weak) return;
               const auto found = weak->followers_.find(id);
               if (found != weak->followers_.end()) found->second->Release(before + first);
             });
}

void HearthLogs::EndFollows() {
  for (auto& [id, follower] : followers_) follower->call->responder().End();
  followers_.clear();
}

}  // namespace hearth
