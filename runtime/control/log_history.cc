#include "runtime/control/log_history.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "runtime/control/json_members.h"
#include "runtime/meter/report_line.h"
#include "runtime/model/platform_event.h"
#include "runtime/telemetry/log_text.h"

namespace hearth {
namespace {

// In both formats: which one its version has is looked up on the loop's thread.
StoredLogLine PlatformLine(const InvocationRecord& record, WallTime time, const std::string& text,
                           PlatformEvent event) {
  StoredLogLine line{.time = time, .source = LogSource::kPlatform, .level = event.level};
  line.fields_json = std::move(event.json);
  line.version = EscapeLogText(record.version);
  line.request_id = EscapeLogText(record.request_id);
  line.message = EscapeLogText(text);
  return line;
}

using Traces = std::map<std::string, std::string, std::less<>>;  // by request

// Takes out of the page what says whose trace a request is part of.
Traces TakeTraces(std::vector<StoredLogLine>& lines) {
  Traces traces;
  std::erase_if(lines, [&](const StoredLogLine& line) {
    if (line.source != LogSource::kPlatform || !line.message.empty()) return false;
    const Json fields = Json::parse(line.fields_json, nullptr, /*allow_exceptions=*/false);
    const auto tracing = fields.find("tracing");
    if (tracing != fields.end() && tracing->is_string()) traces[line.request_id] = *tracing;
    return true;
  });
  return traces;
}

// What of the ledger belongs to the page, newest first. False: there is more than was read.
bool ReadRecords(const MeterView& ledger, const LogHistory::Query& query, WallTime since,
                 std::vector<std::pair<uint64_t, InvocationRecord>>& records) {
  const auto visit = [&](uint64_t number, const InvocationRecord& record) {
    if (!query.request_id.empty() && record.request_id != query.request_id) return true;
    if (HasReport(record)) records.emplace_back(number, record);
    return records.size() <= query.lines_max / 2;
  };
  const auto all = ledger.VisitNewest(query.function, since, LogHistory::kReadMax, visit);
  return all.ok() && *all && records.size() <= query.lines_max / 2;
}

// The time of an END is that of its attempt; a handler's last line may have been read a little later.
LogHistory::Page Join(LogFiles::Page logged, const MeterView& ledger, const LogHistory::Query& query) {
  LogHistory::Page page{.lines = std::move(logged.lines), .more = logged.more, .dropped = logged.dropped};
  const Traces traces = TakeTraces(page.lines);
  WallTime since = std::max(query.since, logged.forgotten);
  if (page.more && !page.lines.empty()) since = std::max(since, page.lines.front().time);
  std::vector<std::pair<uint64_t, InvocationRecord>> records;
  page.more |= !ReadRecords(ledger, query, since, records);
  std::map<std::string, WallTime, std::less<>> last_line;  // of a request
  for (const StoredLogLine& line : page.lines) {
    WallTime& last = last_line[line.request_id];
    last = std::max(last, line.time);
  }
  std::vector<StoredLogLine> starts, ends;
  for (auto one = records.rbegin(); one != records.rend(); ++one) {
    const auto& [number, record] = *one;
    const auto traced = traces.find(record.request_id);
    const std::string_view trace_id = traced == traces.end() ? std::string_view() : traced->second;
    const bool ends_in_memory = number >= query.before.ledger_number;
    const bool starts_in_memory =
        ends_in_memory && (record.started >= query.before.time ||
                           std::binary_search(query.started.begin(), query.started.end(), record.request_id));
    if (!starts_in_memory) {
      starts.push_back(PlatformLine(record, record.started, StartLine(record.request_id, record.version),
                                    StartEvent(record.request_id, record.version, trace_id)));
    }
    if (ends_in_memory) continue;
    const auto last = last_line.find(EscapeLogText(record.request_id));
    const WallTime end = std::max(EndOf(record), last == last_line.end() ? WallTime::min() : last->second);
    ends.push_back(PlatformLine(record, end, EndLine(record), RuntimeDoneEvent(record, trace_id)));
    ends.push_back(
        PlatformLine(record, end, ReportLine(record, "", trace_id), ReportEvent(record, trace_id)));
  }
  // At the same time: a START before a handler's line, an END behind it.
  page.lines.insert(page.lines.begin(), std::make_move_iterator(starts.begin()),
                    std::make_move_iterator(starts.end()));
  page.lines.insert(page.lines.end(), std::make_move_iterator(ends.begin()),
                    std::make_move_iterator(ends.end()));
  std::stable_sort(page.lines.begin(), page.lines.end(),
                   [](const StoredLogLine& a, const StoredLogLine& b) { return a.time < b.time; });
  if (page.lines.size() > query.lines_max) {
    page.lines.erase(page.lines.begin(), page.lines.end() - static_cast<std::ptrdiff_t>(query.lines_max));
    page.more = true;
  }
  if (page.more) page.dropped = 0;
  return page;
}

}  // namespace

// The ledger as it is now: what is recorded from here on is in memory.
void LogHistory::Read(Query query, std::function<void(Page)> done) {
  std::sort(query.started.begin(), query.started.end());
  LogFiles::Query logged{.function = query.function,
                         .before = query.before.number,
                         .since = query.since,
                         .request_id = query.request_id,
                         .lines_max = query.lines_max};
  files_.Read(std::move(logged), [weak = weak_.Get(), query = std::move(query), ledger = meter_.View(),
                                  done = std::move(done)](LogFiles::Page page) {
    if (!weak) return;
    RunOn<Page>(
        weak->offload_, weak->executor_,
        [query, ledger, page = std::make_shared<LogFiles::Page>(std::move(page))] {
          return Join(std::move(*page), ledger, query);
        },
        [weak, done](Page joined) {
          if (weak) done(std::move(joined));
        });
  });
}

}  // namespace hearth
