#include "runtime/control/hearth_logs.h"

#include <charconv>

#include "runtime/base/json_depth.h"
#include "runtime/control/hearth_bill.h"
#include "runtime/control/lambda_reference.h"
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

std::string LineJson(const StoredLogLine& line) {
  Json out = {{"time", ToIso8601Millis(line.time)},
              {"version", line.version},
              {"request_id", line.request_id},
              {"source", NameOfSource(line.source)},
              {"message", line.message}};
  if (line.source == LogSource::kHandler) out["level"] = LogLevelName(line.level);
  if (!NestsDeeperThan(line.fields_json, kForeignJsonDepthMax)) {
    Json fields = Json::parse(line.fields_json, nullptr, /*allow_exceptions=*/false);
    if (fields.is_object()) out["fields"] = std::move(fields);
  }
  return DumpJson(out) + "\n";
}

std::string MissedJson(uint64_t lines) {
  return DumpJson(
             {{"source", "platform"},
              {"message", std::to_string(lines) + " lines were left out here: the reader was too slow"}}) +
         "\n";
}

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

struct HearthLogs::Follower {
  ApiCallPtr call;
  std::string request_id;
  uint64_t missed = 0;
  LogStore::Subscription subscription;

  void Tell(const StoredLogLine& line) {
    if (!request_id.empty() && line.request_id != request_id) return;
    if (call->responder().bytes_waiting() > kUntakenMax) {
      ++missed;
      return;
    }
    if (const uint64_t lines = std::exchange(missed, 0)) call->responder().Write(MissedJson(lines));
    call->responder().Write(LineJson(line));
  }
};

HearthLogs::HearthLogs(LogStore& logs, FunctionRegistry& registry, const Clock& clock)
    : logs_(logs), registry_(registry), clock_(clock) {}

HearthLogs::~HearthLogs() = default;

Result<WallTime> HearthLogs::ReadSince(const std::string& text) const {
  if (text.empty()) return WallTime::min();
  if (const auto age = ParseAge(text)) return clock_.WallNow() - *age;
  auto time = ParseUtcTime(text);
  if (!time.ok())
    return Error{ErrorCode::kInvalidArgument, "since: " + time.error().message + ", nor an age such as 15m"};
  return time;
}

void HearthLogs::Get(const ApiCallPtr& call) {
  const auto reference = ReadFunctionReference(call->parameter("name"), "");
  if (!reference.ok()) return call->Fail(reference.error());
  if (const auto function = ResolveFunction(registry_, {reference->name, ""}); !function.ok())
    return call->Fail(function.error());
  const auto since = ReadSince(call->query("since"));
  if (!since.ok()) return call->Fail(since.error());
  const std::string request_id = call->query("request-id");
  std::string first;
  LogStore::Query query{.function = reference->name, .since = *since, .request_id = request_id};
  for (;;) {
    const LogStore::Page page = logs_.Read(query);
    for (const StoredLogLine& line : page.lines) first += LineJson(line);
    if (page.lines.size() < query.lines_max) break;
    query.after = page.cursor;
  }
  const std::string follow = call->query("follow");
  if (follow == "1" || follow == "true") return Follow(call, reference->name, request_id, std::move(first));
  call->Answer(200, {{"content-type", kJsonLines}}, std::move(first));
}

void HearthLogs::Follow(const ApiCallPtr& call, const std::string& function, const std::string& request_id,
                        std::string first) {
  if (followers_.size() >= kFollowersMax) {
    return call->Fail(Error{ErrorCode::kUnavailable,
                            std::to_string(kFollowersMax) + " clients follow logs already; end one"});
  }
  const uint64_t id = next_follower_++;
  auto& follower = followers_[id] = std::make_unique<Follower>();
  follower->call = call;
  follower->request_id = request_id;
  call->Begin(200, {{"content-type", kJsonLines}});
  if (!first.empty()) call->responder().Write(std::move(first));
  follower->subscription =
      logs_.Follow(function, [raw = follower.get()](const StoredLogLine& line) { raw->Tell(line); });
  call->responder().OnClientGone([weak = weak_.Get(), id] {
    if (weak) weak->followers_.erase(id);
  });
}

void HearthLogs::EndFollows() {
  for (auto& [id, follower] : followers_) follower->call->responder().End();
  followers_.clear();
}

}  // namespace hearth
