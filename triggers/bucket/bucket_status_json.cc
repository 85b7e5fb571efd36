#include <nlohmann/json.hpp>

#include "triggers/bucket/live_bucket.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr uint64_t kSinceMsMax = 9'000'000'000'000;  // as nanoseconds it must fit 64 bits: the year 2255

std::string Dump(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string EncodeBucketStatus(const BucketStatus& s) {
  json failures = json::array();
  for (const Receipt& receipt : s.failures) {
    failures.push_back(
        {{"Key", EncodeKey(receipt.key)}, {"FunctionName", receipt.target}, {"Error", receipt.error}});
  }
  return Dump({{"State", s.state},
               {"LastError", s.last_error},
               {"Succeeded", s.succeeded},
               {"Failed", s.failed},
               {"Retried", s.retried},
               {"Throttled", s.throttled},
               {"UnderWay", s.under_way},
               {"Running", s.running},
               {"Receipts", s.receipts},
               {"Skipped", s.skipped},
               {"Unchanged", s.unchanged},
               {"Waiting", s.waiting},
               {"WatchOverflows", s.overflows},
               {"FoundByHint", s.found_by_hint},
               {"FoundByScan", s.found_by_scan},
               {"LagSeconds", s.lag.count()},
               {"Starting", s.starting},
               {"FailedObjects", std::move(failures)}});
}

namespace {

Error BadReplay(std::string_view what) {
  return {ErrorCode::kInvalidArgument, "replay: " + std::string(what)};
}

Status ReadReplayField(const std::string& key, const json& value, ReplayRequest& request) {
  if (key == "Pattern" && value.is_string()) {
    request.pattern = value.get<std::string>();
  } else if (key == "FunctionName" && value.is_string()) {
    request.target = value.get<std::string>();
  } else if (key == "SinceMs" && value.is_number_unsigned() && value.get<uint64_t>() < kSinceMsMax) {
    request.since = WallTime(milliseconds(value.get<int64_t>()));
  } else if (key == "DryRun" && value.is_boolean()) {
    request.dry_run = value.get<bool>();
  } else if (key == "Notification" && value.is_object()) {
    // Read as one of a bucket's own.
    HEARTH_ASSIGN(BucketSettings settings,
                  ParseBucketSettings("replay", Dump({{"Notifications", json::array({value})}})));
    request.candidate = std::move(settings.notifications.front());
  } else {
    return BadReplay(key +
                     " is not one of Pattern, FunctionName (strings), SinceMs (milliseconds since 1970), "
                     "DryRun (true, false), Notification (as in a bucket; only counted)");
  }
  return Ok();
}

}  // namespace

Result<ReplayRequest> ParseReplayRequest(std::string_view text) {
  ReplayRequest request;
  if (text.empty()) return request;
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return BadReplay("the request must be a JSON object");
  for (const auto& [key, value] : document.items()) HEARTH_TRY(ReadReplayField(key, value, request));
  if (request.candidate && !request.dry_run) {
    return BadReplay("Notification is for counting alone: it needs \"DryRun\": true");
  }
  return request;
}

Result<OutcomesRequest> ParseOutcomesRequest(std::string_view text) {
  OutcomesRequest request;
  if (text.empty()) return request;
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  bool good = document.is_object();
  const json fields = good ? document : json::object();
  for (const auto& [key, value] : fields.items()) {
    if (key == "After" && value.is_number_unsigned()) {
      request.after = value.get<uint64_t>();
    } else if (key == "WaitMs" && value.is_number_unsigned() &&
               value.get<uint64_t>() <= static_cast<uint64_t>(OutcomesRequest::kWaitMax.count())) {
      request.wait = milliseconds(value.get<int64_t>());
    } else {
      good = false;
    }
  }
  if (good) return request;
  return Error{
      ErrorCode::kInvalidArgument,
      "outcomes: the request must be {\"After\": N, \"WaitMs\": MS}: the number of the last outcome that is "
      "known, and how long to wait for another, at most " +
          std::to_string(OutcomesRequest::kWaitMax.count())};
}

std::string EncodeReplayed(const ReplayRequest& request, uint64_t count) {
  return Dump({{request.dry_run ? "WouldRun" : "Replayed", count}});
}

}  // namespace hearth
