#pragma once

#include <string>
#include <vector>

#include <hearth/json_reader.h>
#include <nlohmann/json.hpp>

// A tick of a schedule, in the shape of EventBridge's scheduled events.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html

namespace hearth {

struct ScheduledEvent {
  std::string version;  // "0"
  std::string id;
  std::string detail_type;  // "Scheduled Event"
  std::string source;       // "aws.events"
  std::string account;
  std::string time;  // of the tick, not of the run: "2026-11-23T12:00:00Z"
  std::string region;
  std::vector<std::string> resources;  // ARN of the rule
  nlohmann::json detail;               // an object
};

namespace internal {

inline void Decode(const JsonReader& in, ScheduledEvent& out) {
  out.version = in.OptionalString("version");
  out.id = in.At("id").String();
  out.detail_type = in.At("detail-type").String();
  out.source = in.At("source").String();
  out.account = in.OptionalString("account");
  out.time = in.At("time").String();
  out.region = in.OptionalString("region");
  out.resources = in.OptionalStrings("resources");
  const JsonReader detail = in.At("detail");
  detail.ForEachMember([](const std::string&, const JsonReader&) {});  // must be an object
  out.detail = detail.value();
}

}  // namespace internal
}  // namespace hearth
