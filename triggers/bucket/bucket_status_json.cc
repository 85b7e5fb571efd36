#include <nlohmann/json.hpp>

#include "triggers/bucket/live_bucket.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

using nlohmann::json;

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
               {"WatchOverflows", s.overflows},
               {"FoundByScan", s.found_by_scan},
               {"FailedObjects", std::move(failures)}});
}

Result<ReplayRequest> ParseReplayRequest(std::string_view text) {
  ReplayRequest request;
  if (text.empty()) return request;
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object())
    return Error{ErrorCode::kInvalidArgument, "replay: the request must be a JSON object"};
  for (const auto& [key, value] : document.items()) {
    std::string* out = key == "Pattern"        ? &request.pattern
                       : key == "FunctionName" ? &request.target
                                               : nullptr;
    if (out == nullptr || !value.is_string()) {
      return Error{ErrorCode::kInvalidArgument,
                   "replay: " + key + " is not one of Pattern, FunctionName (both strings)"};
    }
    *out = value.get<std::string>();
  }
  return request;
}

std::string EncodeReplayed(uint64_t count) { return Dump({{"Replayed", count}}); }

}  // namespace hearth
