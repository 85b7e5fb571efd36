#include <nlohmann/json.hpp>

#include "runtime/base/digest.h"
#include "runtime/meter/cloud_events.h"
#include "runtime/meter/utc_text.h"

namespace hearth {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kIdBytes = 16;
constexpr const char* kType = "hearth.usage";
constexpr const char* kCostCenter = "cost-center";

bool Settled(const UsageRow& row, WallTime now) {
  return WallTime(row.key.booked) + std::chrono::hours(1) + kUsageSettles <= now;
}

std::string IdOf(const UsageKey& key) {
  std::string text;
  for (const std::string& part :
       {ToUtcText(key.hour), ToUtcText(key.booked), key.function, key.version, std::string(NameOf(key.plan)),
        key.commitment, std::to_string(key.memory_mib), std::to_string(key.tmp_mib)}) {
    text += part + '\n';
  }
  const Sha256Digest digest = Sha256(text);
  return ToHex({reinterpret_cast<const char*>(digest.data()), kIdBytes});
}

Json DataOf(const UsageRow& row, const AccountState& account) {
  return {{"function", row.key.function},
          {"version", row.key.version},
          {"plan", NameOf(row.key.plan)},
          {"commitment", row.key.commitment},
          {"memory_mib", row.key.memory_mib},
          {"requests", row.usage.requests},
          {"billed_ms", row.usage.billed_ms},
          {"gb_seconds", QuantityText(Int128{row.usage.memory_mb_ms}, PriceUnit::kGbSecond)},
          {"correction", row.key.late()},
          {"tags", account.TagsAt(row.key.function, row.key.hour)}};
}

std::string SubscriptionOf(const UsageRow& row, const AccountState& account) {
  const Tags& tags = account.TagsAt(row.key.function, row.key.hour);
  const auto found = tags.find(kCostCenter);
  return found == tags.end() || found->second.empty() ? row.key.function : found->second;
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string CloudEventsJson(const Bill& bill, const AccountState& account, std::string_view source,
                            WallTime now) {
  Json events = Json::array();
  for (const UsageRow& row : bill.usage) {
    if (row.usage.requests == 0 || !Settled(row, now)) continue;
    events.push_back({{"specversion", "1.0"},
                      {"id", IdOf(row.key)},
                      {"source", source},
                      {"type", kType},
                      {"subject", row.key.function},
                      {"time", ToUtcText(row.key.hour)},
                      {"datacontenttype", "application/json"},
                      {"data", DataOf(row, account)}});
  }
  return Dump(events);
}

std::string LagoEventsJson(const Bill& bill, const AccountState& account, WallTime now) {
  Json events = Json::array();
  for (const UsageRow& row : bill.usage) {
    if (row.usage.requests == 0 || !Settled(row, now)) continue;
    Json properties = DataOf(row, account);
    properties.erase("tags");
    const auto since = std::chrono::duration_cast<std::chrono::seconds>(row.key.hour.time_since_epoch());
    events.push_back({{"transaction_id", IdOf(row.key)},
                      {"external_subscription_id", SubscriptionOf(row, account)},
                      {"code", "hearth_usage"},
                      {"timestamp", since.count()},
                      {"properties", properties}});
  }
  return Dump({{"events", events}});
}

}  // namespace hearth
