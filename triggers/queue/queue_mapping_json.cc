#include <algorithm>
#include <iterator>
#include <limits>

#include <nlohmann/json.hpp>

#include "runtime/model/function.h"
#include "runtime/store/queue_store.h"
#include "triggers/queue/filter_criteria.h"
#include "triggers/queue/queue_mapping.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr std::string_view kReportItemFailures = "ReportBatchItemFailures";
constexpr std::string_view kFields[] = {"UUID",
                                        "Queue",
                                        "FunctionName",
                                        "BatchSize",
                                        "MaximumBatchingWindowInSeconds",
                                        "Enabled",
                                        "ScalingConfig",
                                        "FilterCriteria",
                                        "LastModified",
                                        "FunctionResponseTypes",
                                        "BisectBatchOnFunctionError"};

Error Invalid(std::string_view field, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          "event source mapping: " + std::string(field) + " " + std::string(why)};
}

Status CheckFields(const json& document) {
  if (!document.is_object()) return Invalid("the document", "must be a JSON object");
  for (const auto& [key, value] : document.items()) {
    if (std::find(std::begin(kFields), std::end(kFields), key) != std::end(kFields)) continue;
    return Invalid(
        key,
        "is not a field; known are UUID, Queue, FunctionName, BatchSize, "
        "MaximumBatchingWindowInSeconds, Enabled, FunctionResponseTypes, ScalingConfig, FilterCriteria, "
        "BisectBatchOnFunctionError, LastModified");
  }
  return Ok();
}

Status ReadString(const json& document, const char* field, std::string& out) {
  if (!document.contains(field) || document[field].is_null()) return Ok();
  if (!document[field].is_string()) return Invalid(field, "must be a string");
  out = document[field].get<std::string>();
  return Ok();
}

Status ReadNumber(const json& document, const char* field, int64_t least, int64_t most, int64_t& out) {
  if (!document.contains(field) || document[field].is_null()) return Ok();
  const json& value = document[field];
  const bool in_range =
      value.is_number_integer() && value.get<int64_t>() >= least && value.get<int64_t>() <= most;
  if (!in_range) {
    return Invalid(field, "must be a whole number from " + std::to_string(least) + " to " +
                              std::to_string(most) + ", not " + value.dump());
  }
  out = value.get<int64_t>();
  return Ok();
}

Status ReadResponseTypes(const json& document, bool& reports) {
  constexpr const char* kField = "FunctionResponseTypes";
  if (!document.contains(kField) || document[kField].is_null()) return Ok();
  if (!document[kField].is_array()) return Invalid(kField, "must be a list");
  for (const json& type : document[kField]) {
    if (type != kReportItemFailures) return Invalid(kField, "may hold only \"ReportBatchItemFailures\"");
    reports = true;
  }
  return Ok();
}

Status ReadScaling(const json& document, uint32_t& concurrency_max) {
  if (!document.contains("ScalingConfig") || document["ScalingConfig"].is_null()) return Ok();
  const json& scaling = document["ScalingConfig"];
  if (!scaling.is_object()) return Invalid("ScalingConfig", "must be an object");
  int64_t value = 0;
  HEARTH_TRY(
      ReadNumber(scaling, "MaximumConcurrency", kMappingConcurrencyMin, kMappingConcurrencyMax, value));
  concurrency_max = static_cast<uint32_t>(value);
  return Ok();
}

Status ReadFunction(const json& document, QueueMapping& mapping) {
  std::string text;
  HEARTH_TRY(ReadString(document, "FunctionName", text));
  if (text.empty()) return Invalid("FunctionName", "is missing");
  HEARTH_ASSIGN(FunctionReference reference, ParseFunctionReference(text));
  mapping.function = std::move(reference.name);
  mapping.qualifier = std::move(reference.qualifier);
  return Ok();
}

// AWS's words, as its clients look for them.
Status CheckBatching(const QueueMapping& mapping) {
  if (mapping.fifo() && mapping.window > seconds(0))
    return Invalid("MaximumBatchingWindowInSeconds", ": Batching window is not supported for FIFO queues");
  if (mapping.fifo() && mapping.batch_size > kMappingFifoBatchMax) {
    return Invalid("BatchSize", "of a FIFO queue must be from 1 to " + std::to_string(kMappingFifoBatchMax));
  }
  if (mapping.batch_size > kMappingBatchWithoutWindowMax && mapping.window == seconds(0)) {
    return Invalid(
        "BatchSize",
        ": Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
        "10: batches need time to fill (MaximumBatchingWindowInSeconds)");
  }
  return Ok();
}

Status ReadBatching(const json& document, QueueMapping& mapping) {
  int64_t batch = kMappingBatchDefault;
  int64_t window = 0;
  HEARTH_TRY(ReadNumber(document, "BatchSize", 1, kMappingBatchMax, batch));
  HEARTH_TRY(ReadNumber(document, "MaximumBatchingWindowInSeconds", 0, kMappingWindowMax.count(), window));
  mapping.batch_size = static_cast<uint32_t>(batch);
  mapping.window = seconds(window);
  return CheckBatching(mapping);
}

Status ReadBool(const json& document, const char* field, bool& out) {
  if (!document.contains(field) || document[field].is_null()) return Ok();
  if (!document[field].is_boolean()) return Invalid(field, "must be true or false");
  out = document[field].get<bool>();
  return Ok();
}

// {"Filters": [{"Pattern": "{...}"}]}; none, null or empty: every message.
Status ReadFilters(const json& document, std::vector<std::string>& filters) {
  constexpr const char* kField = "FilterCriteria";
  if (!document.contains(kField) || document[kField].is_null()) return Ok();
  const json& criteria = document[kField];
  if (!criteria.is_object()) return Invalid(kField, "must be an object");
  const json list = criteria.value("Filters", json::array());
  if (!list.is_array()) return Invalid(kField, "Filters must be a list");
  for (const json& filter : list) {
    if (!filter.is_object() || !filter.contains("Pattern") || !filter["Pattern"].is_string())
      return Invalid(kField, "each filter must be an object with Pattern, a string");
    filters.push_back(filter["Pattern"].get<std::string>());
  }
  HEARTH_TRY(FilterCriteria::Compile(filters));
  return Ok();
}

Result<QueueMapping> ReadMapping(std::string_view name, const json& document) {
  QueueMapping mapping;
  mapping.uuid = name;
  HEARTH_TRY(CheckFields(document));
  HEARTH_TRY(ReadString(document, "UUID", mapping.uuid));
  if (mapping.uuid != name) return Invalid("UUID", "differs from the mapping's name, " + std::string(name));
  HEARTH_TRY(ReadString(document, "Queue", mapping.queue));
  if (auto valid = ValidateQueueName(mapping.queue); !valid.ok())
    return Invalid("Queue", ": " + valid.error().message);
  HEARTH_TRY(ReadFunction(document, mapping));
  HEARTH_TRY(ReadBatching(document, mapping));
  HEARTH_TRY(ReadBool(document, "Enabled", mapping.enabled));
  HEARTH_TRY(ReadBool(document, "BisectBatchOnFunctionError", mapping.bisects));
  HEARTH_TRY(ReadResponseTypes(document, mapping.reports_item_failures));
  HEARTH_TRY(ReadScaling(document, mapping.concurrency_max));
  HEARTH_TRY(ReadFilters(document, mapping.filters));
  HEARTH_TRY(
      ReadNumber(document, "LastModified", 0, std::numeric_limits<int64_t>::max(), mapping.last_modified_ms));
  return mapping;
}

std::string Dump(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<QueueMapping> ParseQueueMapping(std::string_view name, std::string_view text) {
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return Invalid("the document", "is not JSON");
  try {
    return ReadMapping(name, document);
  } catch (const json::exception& e) {
    return Invalid("the document", std::string("cannot be read: ") + e.what());
  }
}

std::string EncodeQueueMapping(const QueueMapping& m) {
  json document = {{"UUID", m.uuid},
                   {"Queue", m.queue},
                   {"FunctionName", m.qualifier.empty() ? m.function : m.function + ":" + m.qualifier},
                   {"BatchSize", m.batch_size},
                   {"MaximumBatchingWindowInSeconds", m.window.count()},
                   {"Enabled", m.enabled},
                   {"FunctionResponseTypes", json::array()}};
  if (m.bisects) document["BisectBatchOnFunctionError"] = true;
  if (m.last_modified_ms > 0) document["LastModified"] = m.last_modified_ms;
  for (const std::string& pattern : m.filters)
    document["FilterCriteria"]["Filters"].push_back({{"Pattern", pattern}});
  if (m.reports_item_failures) document["FunctionResponseTypes"].push_back(kReportItemFailures);
  if (m.concurrency_max) document["ScalingConfig"] = {{"MaximumConcurrency", m.concurrency_max}};
  return Dump(document);
}

std::string EncodeQueueMappingStatus(const QueueMappingStatus& s) {
  return Dump({{"State", s.state},
               {"LastError", s.last_error},
               {"BatchesInFlight", s.batches_in_flight},
               {"MessagesInFlight", s.messages_in_flight},
               {"WaitingForWorker", s.waiting_for_worker},
               {"ConcurrencyAllowed", s.concurrency_allowed},
               {"MaxInFlight", s.max_in_flight},
               {"BatchesSucceeded", s.batches_succeeded},
               {"BatchesFailed", s.batches_failed},
               {"MessagesDeleted", s.messages_deleted},
               {"MessagesFailed", s.messages_failed},
               {"Exhausted", s.exhausted},
               {"Filtered", s.filtered},
               {"Bisections", s.bisections},
               {"Throttled", s.throttled},
               {"LeasesLost", s.leases_lost}});
}

}  // namespace hearth
