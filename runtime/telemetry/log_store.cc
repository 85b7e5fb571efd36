#include "runtime/telemetry/log_store.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/json_text.h"
#include "runtime/telemetry/log_json.h"
#include "runtime/telemetry/log_text.h"

namespace hearth {
namespace {

// What a line costs beside its text: its place in the list, and what rounding takes.
constexpr uint64_t kLineOverhead = 16;

// What END and REPORT are made of, beside the request.
struct EndFigures {
  OutcomeKind outcome{};
  uint32_t memory_mib = 0;
  InitKind init = InitKind::kInit;
  uint64_t init_ns = 0, duration_ns = 0, billed_ms = 0, memory_peak_kib = 0;
  uint64_t ledger_number = 0;
};

// Of a line in the files that says whose trace a request is part of.
std::string TracingFields(std::string_view trace_id) {
  std::string fields;
  JsonObjectText object(fields);
  object.String("tracing", trace_id);
  object.End();
  return fields;
}

bool Matches(const StoredLogLine& line, const LogStore::Query& query) {
  return line.time >= query.since && (query.request_id.empty() || line.request_id == query.request_id);
}

void TakeEvent(PlatformEvent event, StoredLogLine& line) {
  line.level = event.level;
  line.fields_json = std::move(event.json);
}

// What is asked for each line of a page is looked up once for each run of lines of one version.
class SettingsMemo final {
 public:
  SettingsMemo(const LogStore& store, std::string_view function) : store_(store), function_(function) {}

  LogSettings Of(std::string_view version) {
    if (version_ != version) {
      settings_ = store_.SettingsOf(function_, version);
      version_ = version;
    }
    return settings_;
  }

 private:
  const LogStore& store_;
  const std::string_view function_;
  std::optional<std::string> version_;
  LogSettings settings_;
};

}  // namespace

std::string ToText(const StoredLogLine& line) {
  if (line.format == LogFormat::kJson) return LogEntryJson(line);
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

uint64_t LogStore::CostOf(const Kept& kept) { return sizeof(Kept) + kLineOverhead + kept.text_bytes; }

void LogStore::SetFiles(LogFiles& files) {
  files_ = &files;
  next_number_ = std::max(next_number_, files.first_free_number());
}

void LogStore::OnHandlerLog(const HandlerLogLine& line) {
  std::string text;
  const Kept kept = Keepable(line, text);
  if (files_ != nullptr) {
    std::string_view left = text;
    const auto next = [&left](size_t bytes) {
      const std::string_view piece = left.substr(0, bytes);
      left.remove_prefix(bytes);
      return piece;
    };
    HandlerLogLine escaped = line;
    escaped.version = next(kept.version_bytes);
    escaped.request_id = next(kept.request_id_bytes);
    escaped.message = next(kept.message_bytes);
    escaped.fields_json = left;
    files_->Append(next_number_, escaped);
  }
  Keep(line.function, kept, {text});
}

void LogStore::KeepStart(std::string_view function, std::string_view version, std::string_view request_id,
                         WallTime time, std::string_view trace_id) {
  if (options_.start_line == nullptr) return;
  Kept kept{.time = time, .kind = Kept::Kind::kStart, .source = LogSource::kPlatform};
  kept.version_bytes = static_cast<uint32_t>(version.size());
  kept.request_id_bytes = static_cast<uint32_t>(request_id.size());
  if (files_ != nullptr && !trace_id.empty()) {
    const std::string fields = TracingFields(trace_id);
    files_->Append(next_number_, {.function = function,
                                  .version = version,
                                  .request_id = request_id,
                                  .time = time,
                                  .source = LogSource::kPlatform,
                                  .message = {},
                                  .fields_json = fields});
  }
  Keep(function, kept, {version, request_id, trace_id});
}

void LogStore::KeepEnd(const InvocationRecord& record, uint64_t ledger_number, WallTime time,
                       std::string_view trace_id) {
  if (options_.end_line == nullptr || options_.report_line == nullptr) return;
  const EndFigures figures{record.outcome,         record.memory_mib,  record.init,
                           record.init_ns,         record.duration_ns, record.billed_ms,
                           record.memory_peak_kib, ledger_number};
  Kept kept{.time = time, .kind = Kept::Kind::kEnd, .source = LogSource::kPlatform};
  kept.version_bytes = static_cast<uint32_t>(record.version.size());
  kept.request_id_bytes = static_cast<uint32_t>(record.request_id.size());
  Keep(record.function, kept,
       {record.version,
        record.request_id,
        {reinterpret_cast<const char*>(&figures), sizeof figures},
        trace_id});
}

void LogStore::Keep(std::string_view function, Kept kept, std::initializer_list<std::string_view> pieces) {
  auto log = functions_.find(function);
  if (log == functions_.end()) log = functions_.try_emplace(std::string(function)).first;
  FunctionLog& into = log->second;
  kept.number = next_number_;
  next_number_ = kept.last_number() + 1;
  for (const std::string_view piece : pieces) kept.text_bytes += static_cast<uint32_t>(piece.size());
  static_assert(std::is_trivially_destructible_v<Kept>);
  char* memory = into.memory.Add(sizeof kept + kept.text_bytes);
  const Kept& placed = *new (memory) Kept(kept);
  memory += sizeof kept;
  for (const std::string_view piece : pieces) memory = std::copy(piece.begin(), piece.end(), memory);
  if (into.place == 0) {
    into.place = kept.number;
    by_oldest_.emplace(into.place, &into);
  }
  into.bytes += CostOf(kept);
  bytes_ += CostOf(kept);
  // A follower may have anything done to the log: it is shown lines of its own.
  std::vector<StoredLogLine> told;
  if (!followers_.empty()) LinesOf(placed, SettingsOf(function, placed.version()), told);
  into.lines.push_back(&placed);
  MakeRoom(into);
  for (const StoredLogLine& line : told) Tell(function, line);
}

// Cut before it is escaped: escaping makes a byte four at most, and the limits count what is kept.
LogStore::Kept LogStore::Keepable(const HandlerLogLine& line, std::string& text) const {
  Kept kept{.time = line.time, .source = line.source, .level = line.level};
  const size_t line_max = options_.line_max.count;
  const auto add = [&](std::string_view escaped) {
    text += escaped;
    return static_cast<uint32_t>(escaped.size());
  };
  kept.version_bytes = add(EscapeLogText(line.version));
  kept.request_id_bytes = add(EscapeLogText(line.request_id));
  kept.message_bytes =
      add(line.message.size() <= line_max ? EscapeLogText(line.message)
                                          : EscapeLogText(CutLogText(line.message, line_max)));
  const size_t left = line_max - std::min(line.message.size(), line_max);
  if (line.fields_json.size() <= left) {
    add(EscapeLogJson(line.fields_json));
  } else {
    kept.message_bytes += add("[truncated " + std::to_string(line.fields_json.size()) + " bytes of fields]");
  }
  return kept;
}

// What comes from outside is escaped in each: by Keepable(), or here.
void LogStore::LinesOf(const Kept& kept, LogSettings settings, std::vector<StoredLogLine>& lines) const {
  StoredLogLine line{.number = kept.number, .time = kept.time, .source = kept.source, .level = kept.level};
  line.format = settings.format;
  const size_t first = lines.size();
  if (kept.kind == Kept::Kind::kLine) {
    line.version = kept.version();
    line.request_id = kept.request_id();
    line.message = kept.rest().substr(0, kept.message_bytes);
    line.fields_json = kept.rest().substr(kept.message_bytes);
    lines.push_back(std::move(line));
    return;
  }
  line.version = EscapeLogText(kept.version());
  line.request_id = EscapeLogText(kept.request_id());
  if (kept.kind == Kept::Kind::kStart) {
    StartOf(kept, std::move(line), lines);
  } else {
    EndOf(kept, std::move(line), lines);
  }
  const auto too_low = [&](const StoredLogLine& one) { return one.level < settings.system_level; };
  if (settings.format == LogFormat::kJson)
    lines.erase(std::remove_if(lines.begin() + static_cast<std::ptrdiff_t>(first), lines.end(), too_low),
                lines.end());
}

void LogStore::StartOf(const Kept& kept, StoredLogLine line, std::vector<StoredLogLine>& lines) const {
  line.message = EscapeLogText(options_.start_line(kept.request_id(), kept.version()));
  if (line.format == LogFormat::kJson)
    TakeEvent(StartEvent(line.request_id, line.version, kept.rest()), line);
  lines.push_back(std::move(line));
}

void LogStore::EndOf(const Kept& kept, StoredLogLine line, std::vector<StoredLogLine>& lines) const {
  EndFigures figures;
  std::memcpy(&figures, kept.rest().data(), sizeof figures);
  const std::string_view trace_id = kept.rest().substr(sizeof figures);
  InvocationRecord record;
  record.version = line.version;
  record.request_id = line.request_id;
  record.outcome = figures.outcome;
  record.memory_mib = figures.memory_mib;
  record.init = figures.init;
  record.init_ns = figures.init_ns;
  record.duration_ns = figures.duration_ns;
  record.billed_ms = figures.billed_ms;
  record.memory_peak_kib = figures.memory_peak_kib;
  StoredLogLine report = line;
  ++report.number;
  if (line.format == LogFormat::kJson) {
    TakeEvent(RuntimeDoneEvent(record, trace_id), line);
    TakeEvent(ReportEvent(record, trace_id), report);
  } else {
    line.message = EscapeLogText(options_.end_line(record));
    report.message = EscapeLogText(options_.report_line(record, trace_id));
  }
  lines.push_back(std::move(line));
  lines.push_back(std::move(report));
}

LogSettings LogStore::SettingsOf(std::string_view function, std::string_view version) const {
  return options_.settings_of ? options_.settings_of(function, version) : LogSettings{};
}

void LogStore::ApplySettings(std::string_view function, std::vector<StoredLogLine>& lines) const {
  SettingsMemo memo(*this, function);
  for (StoredLogLine& line : lines) line.format = memo.Of(line.version).format;
  const auto left_out = [&](const StoredLogLine& line) {
    return line.source == LogSource::kPlatform && line.level < memo.Of(line.version).system_level;
  };
  lines.erase(std::remove_if(lines.begin(), lines.end(), left_out), lines.end());
}

void LogStore::DropOldest(FunctionLog& log) {
  const Kept& oldest = *log.lines.front();
  log.bytes -= CostOf(oldest);
  bytes_ -= CostOf(oldest);
  log.dropped += oldest.last_number() - oldest.number + 1;
  log.dropped_bytes += oldest.text_bytes;
  log.dropped_number = oldest.last_number();
  log.lines.pop_front();
  log.memory.DropOldest(sizeof oldest + oldest.text_bytes);
  // In a log that is full it goes next, and was looked at last long ago.
  if (!log.lines.empty()) __builtin_prefetch(log.lines.front());
}

// Where a log stands in by_oldest_ is put right only here: logs that are full drop lines all the time.
void LogStore::DropOldestOfAll() {
  const auto first = by_oldest_.begin();
  FunctionLog& log = *first->second;
  if (!log.lines.empty() && log.lines.front()->number == first->first) return DropOldest(log);
  auto place = by_oldest_.extract(first);
  log.place = log.lines.empty() ? 0 : log.lines.front()->number;
  if (log.place == 0) return;
  place.key() = log.place;
  by_oldest_.insert(std::move(place));
}

void LogStore::MakeRoom(FunctionLog& log) {
  while (log.bytes > options_.function_max.count && !log.lines.empty()) DropOldest(log);
  while (bytes_ > options_.total_max.count && !by_oldest_.empty()) DropOldestOfAll();
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

StoredLogLine LogStore::DroppedMarker(std::string_view function, const FunctionLog& log) const {
  StoredLogLine marker{.number = log.dropped_number, .source = LogSource::kPlatform};
  if (!log.lines.empty()) marker.time = log.lines.front()->time;
  marker.message = "[" + std::to_string(log.dropped) + " older lines dropped: at most " +
                   std::to_string(options_.function_max.count) + " bytes are kept a function, " +
                   std::to_string(options_.total_max.count) + " in all]";
  marker.fields_json = LogsDroppedEvent(marker.message, log.dropped, log.dropped_bytes);
  marker.format = SettingsOf(function, "$LATEST").format;
  marker.level = kLogWarn;
  return marker;
}

LogStore::Page LogStore::Read(const Query& query) const {
  Page page{.lines = {}, .cursor = query.after};
  const auto found = functions_.find(query.function);
  if (found == functions_.end()) return page;
  const FunctionLog& log = found->second;
  if (log.dropped > 0 && query.after < log.dropped_number) {
    page.lines.push_back(DroppedMarker(query.function, log));
    page.cursor = log.dropped_number;
  }
  auto kept = std::upper_bound(log.lines.begin(), log.lines.end(), query.after,
                               [](uint64_t after, const Kept* one) { return after < one->last_number(); });
  SettingsMemo memo(*this, query.function);
  std::vector<StoredLogLine> lines;
  for (; kept != log.lines.end() && page.lines.size() < query.lines_max; ++kept) {
    lines.clear();
    LinesOf(**kept, memo.Of((*kept)->version()), lines);
    for (StoredLogLine& line : lines) {
      if (line.number <= query.after || page.lines.size() >= query.lines_max) continue;
      page.cursor = line.number;
      if (Matches(line, query)) page.lines.push_back(std::move(line));
    }
  }
  return page;
}

std::string LogStore::TailOf(std::string_view function, std::string_view request_id, WallTime since,
                             size_t bytes_max) const {
  const auto found = functions_.find(function);
  if (found == functions_.end()) return "";
  std::vector<std::string> newest_first;
  size_t bytes = 0;
  SettingsMemo memo(*this, function);
  const auto& all = found->second.lines;
  for (auto at = all.rbegin(); at != all.rend() && (*at)->time >= since && bytes < bytes_max; ++at) {
    const Kept& kept = **at;
    if (kept.request_id() != request_id) continue;
    std::vector<StoredLogLine> lines;
    LinesOf(kept, memo.Of(kept.version()), lines);
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
      newest_first.push_back(ToText(*line) + "\n");
      bytes += newest_first.back().size();
    }
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

LogStore::Reach LogStore::ReachOf(std::string_view function) const {
  const auto found = functions_.find(function);
  if (found == functions_.end() || found->second.lines.empty()) return {.number = next_number_};
  const std::deque<const Kept*>& lines = found->second.lines;
  Reach reach{lines.front()->number, lines.front()->time};
  const auto end =
      std::find_if(lines.begin(), lines.end(), [](const Kept* one) { return one->kind == Kept::Kind::kEnd; });
  if (end != lines.end()) {
    EndFigures figures;
    std::memcpy(&figures, (*end)->rest().data(), sizeof figures);
    reach.ledger_number = figures.ledger_number;
  }
  return reach;
}

void LogStore::ForgetFunction(std::string_view function) {
  if (files_ != nullptr) files_->Forget(function);
  const auto found = functions_.find(function);
  if (found == functions_.end()) return;
  by_oldest_.erase(found->second.place);  // 0 is nobody's
  bytes_ -= found->second.bytes;
  functions_.erase(found);
}

}  // namespace hearth
