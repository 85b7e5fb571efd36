#include "runtime/telemetry/log_store.h"

#include <algorithm>

#include "runtime/base/clock.h"
#include "runtime/telemetry/log_text.h"

namespace hearth {
namespace {

// What a line costs beside its texts: the struct, the heap's own bytes for four strings.
constexpr uint64_t kLineOverhead = sizeof(StoredLogLine) + 64;

uint64_t CostOf(const StoredLogLine& line) {
  return kLineOverhead + line.version.size() + line.request_id.size() + line.message.size() +
         line.fields_json.size();
}

bool Matches(const StoredLogLine& line, const LogStore::Query& query) {
  return line.time >= query.since && (query.request_id.empty() || line.request_id == query.request_id);
}

}  // namespace

std::string ToText(const StoredLogLine& line) {
  if (line.source != LogSource::kHandler) return line.message;
  std::string text = ToIso8601Millis(line.time) + "\t" + line.request_id + "\t";
  text += LogLevelName(line.level);
  text += "\t" + line.message;
  if (!line.fields_json.empty()) text += "\t" + line.fields_json;
  return text;
}

LogStore::Subscription& LogStore::Subscription::operator=(Subscription&& other) noexcept {
  if (this != &other) {
    End();
    store_ = std::exchange(other.store_, {});
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

void LogStore::Subscription::End() {
  if (LogStore* const store = store_.get()) store->followers_.erase(id_);
  store_ = {};
}

void LogStore::OnHandlerLog(const HandlerLogLine& line) {
  auto log = functions_.find(line.function);
  if (log == functions_.end()) log = functions_.try_emplace(std::string(line.function)).first;
  FunctionLog& into = log->second;
  StoredLogLine stored = Keepable(line);
  if (into.lines.empty()) by_oldest_.emplace(stored.number, &into);
  into.bytes += CostOf(stored);
  bytes_ += CostOf(stored);
  // A follower may have anything done to the log: it is shown a line of its own.
  const StoredLogLine told = followers_.empty() ? StoredLogLine() : stored;
  into.lines.push_back(std::move(stored));
  MakeRoom(into);
  Tell(line.function, told);
}

// Cut before it is escaped: escaping makes a byte four at most, and the limits count what is kept.
StoredLogLine LogStore::Keepable(const HandlerLogLine& line) {
  StoredLogLine stored{
      .number = next_number_++, .time = line.time, .source = line.source, .level = line.level};
  const size_t line_max = options_.line_max.count;
  stored.version = EscapeLogText(line.version);
  stored.request_id = EscapeLogText(line.request_id);
  stored.message = line.message.size() <= line_max ? EscapeLogText(line.message)
                                                   : EscapeLogText(CutLogText(line.message, line_max));
  const size_t left = line_max - std::min(line.message.size(), line_max);
  if (line.fields_json.size() <= left) {
    stored.fields_json = EscapeLogJson(line.fields_json);
  } else {
    stored.message += "[truncated " + std::to_string(line.fields_json.size()) + " bytes of fields]";
  }
  return stored;
}

void LogStore::DropOldest(FunctionLog& log) {
  const StoredLogLine& oldest = log.lines.front();
  auto place = by_oldest_.extract(oldest.number);
  log.bytes -= CostOf(oldest);
  bytes_ -= CostOf(oldest);
  ++log.dropped;
  log.dropped_number = oldest.number;
  log.lines.pop_front();
  if (log.lines.empty()) return;
  place.key() = log.lines.front().number;
  by_oldest_.insert(std::move(place));
}

void LogStore::MakeRoom(FunctionLog& log) {
  while (log.bytes > options_.function_max.count && !log.lines.empty()) DropOldest(log);
  while (bytes_ > options_.total_max.count && !by_oldest_.empty()) DropOldest(*by_oldest_.begin()->second);
}

void LogStore::Tell(std::string_view function, const StoredLogLine& line) {
  if (followers_.empty()) return;
  std::vector<uint64_t> told;
  for (const auto& [id, follower] : followers_) {
    if (follower.function == function) told.push_back(id);
  }
  for (const uint64_t id : told) {
    const auto follower = followers_.find(id);
    if (follower == followers_.end()) continue;
    const OnLine on_line = follower->second.on_line;  // it may end its own subscription
    on_line(line);
  }
}

StoredLogLine LogStore::DroppedMarker(const FunctionLog& log) const {
  StoredLogLine marker{.number = log.dropped_number, .source = LogSource::kPlatform};
  if (!log.lines.empty()) marker.time = log.lines.front().time;
  marker.message = "[" + std::to_string(log.dropped) + " older lines dropped: at most " +
                   std::to_string(options_.function_max.count) + " bytes are kept a function, " +
                   std::to_string(options_.total_max.count) + " in all]";
  return marker;
}

LogStore::Page LogStore::Read(const Query& query) const {
  Page page{.lines = {}, .cursor = query.after};
  const auto found = functions_.find(query.function);
  if (found == functions_.end()) return page;
  const FunctionLog& log = found->second;
  if (log.dropped > 0 && query.after < log.dropped_number) {
    page.lines.push_back(DroppedMarker(log));
    page.cursor = log.dropped_number;
  }
  auto line = std::upper_bound(log.lines.begin(), log.lines.end(), query.after,
                               [](uint64_t after, const StoredLogLine& one) { return after < one.number; });
  for (; line != log.lines.end() && page.lines.size() < query.lines_max; ++line) {
    page.cursor = line->number;
    if (Matches(*line, query)) page.lines.push_back(*line);
  }
  return page;
}

std::string LogStore::TailOf(std::string_view function, std::string_view request_id, WallTime since,
                             size_t bytes_max) const {
  const auto found = functions_.find(function);
  if (found == functions_.end()) return "";
  std::vector<std::string> newest_first;
  size_t bytes = 0;
  const auto& lines = found->second.lines;
  for (auto line = lines.rbegin(); line != lines.rend() && line->time >= since && bytes < bytes_max; ++line) {
    if (line->request_id != request_id) continue;
    newest_first.push_back(ToText(*line) + "\n");
    bytes += newest_first.back().size();
  }
  std::string tail;
  for (auto text = newest_first.rbegin(); text != newest_first.rend(); ++text) tail += *text;
  if (tail.size() > bytes_max) tail.erase(0, tail.size() - bytes_max);
  return tail;
}

LogStore::Subscription LogStore::Follow(std::string function, OnLine on_line) {
  const uint64_t id = next_follower_++;
  followers_.emplace(id, Follower{std::move(function), std::move(on_line)});
  return Subscription(weak_.Get(), id);
}

void LogStore::ForgetFunction(std::string_view function) {
  const auto found = functions_.find(function);
  if (found == functions_.end()) return;
  if (!found->second.lines.empty()) by_oldest_.erase(found->second.lines.front().number);
  bytes_ -= found->second.bytes;
  functions_.erase(found);
}

}  // namespace hearth
