#include "triggers/bucket/s3_event_json.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "runtime/base/base64.h"
#include "runtime/base/digest.h"
#include "runtime/base/json_text.h"

namespace hearth {
namespace {

using nlohmann::json;

bool StaysAsItIs(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '*' || c == '/';
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string SequencerText(uint64_t sequencer) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llX", static_cast<unsigned long long>(sequencer));
  return text;
}

json OursOf(const ObjectEvent& event) {
  json ours = {{"keyBase64", Base64Encode(event.key)}};
  if (IsUtf8(event.key)) ours = {{"key", event.key}};
  if (event.hops > 0) ours["hops"] = event.hops;
  return ours;
}

const char* NameOf(ObjectEvent::Kind kind) {
  return kind == ObjectEvent::Kind::kCreated ? "ObjectCreated:Put" : "ObjectRemoved:Delete";
}

json RecordOf(const ObjectEvent& event) {
  const json owner = {{"principalId", event.account}};
  json object = {{"key", EncodeKey(event.key)}, {"sequencer", SequencerText(event.sequencer)}};
  if (event.kind == ObjectEvent::Kind::kCreated) {
    object["size"] = event.identity.size;
    object["eTag"] = ETagOf(event.identity);
  }
  return {{"eventVersion", "2.1"},
          {"eventSource", "aws:s3"},
          {"awsRegion", event.region},
          {"eventTime", ToIso8601Millis(event.noticed)},
          {"eventName", NameOf(event.kind)},
          {"userIdentity", owner},
          {"requestParameters", {{"sourceIPAddress", "127.0.0.1"}}},
          {"responseElements", {{"x-amz-request-id", event.request_id}, {"x-amz-id-2", event.request_id}}},
          {"s3",
           {{"s3SchemaVersion", "1.0"},
            {"configurationId", event.configuration_id},
            {"bucket",
             {{"name", event.bucket}, {"ownerIdentity", owner}, {"arn", "arn:aws:s3:::" + event.bucket}}},
            {"object", std::move(object)}}},
          {"hearth", OursOf(event)}};
}

std::string Dump(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string EncodeFailedEvent(const FailedEvent& failed, WallTime now) {
  const size_t colon = failed.error.find(": ");
  const std::string type = colon == std::string::npos ? failed.error : failed.error.substr(0, colon);
  const std::string message = colon == std::string::npos ? failed.error : failed.error.substr(colon + 2);
  return Dump({{"version", "1.0"},
               {"timestamp", ToIso8601Millis(now)},
               {"requestContext",
                {{"requestId", failed.request_id},
                 {"functionArn", failed.function_arn},
                 {"condition", "RetriesExhausted"},
                 {"approximateInvokeCount", failed.attempts}}},
               {"requestPayload", json::parse(failed.event, nullptr, /*allow_exceptions=*/false)},
               {"responseContext", {{"statusCode", 200}, {"functionError", "Unhandled"}}},
               {"responsePayload", {{"errorType", type}, {"errorMessage", message}}}});
}

std::string EncodeKey(std::string_view raw) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : raw) {
    if (StaysAsItIs(c)) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::string DecodeKey(std::string_view encoded) {
  std::string out;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const bool escape = encoded[i] == '%' && i + 2 < encoded.size() && DigitOf(encoded[i + 1]) >= 0 &&
                        DigitOf(encoded[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(DigitOf(encoded[i + 1]) << 4 | DigitOf(encoded[i + 2]));
      i += 2;
    } else {
      out += encoded[i] == '+' ? ' ' : encoded[i];
    }
  }
  return out;
}

std::string ETagOf(const ObjectIdentity& identity) { return Md5Hex(identity.Text()) + "-1"; }

std::string EncodeS3Event(const ObjectEvent& event) {
  return Dump({{"Records", json::array({RecordOf(event)})}});
}

std::string EncodeCloudEvent(const ObjectEvent& event) {
  return Dump({{"specversion", "1.0"},
               {"id", event.request_id + "." + event.request_id},
               {"source", "aws:s3." + event.region + "." + event.bucket},
               {"type", std::string("com.amazonaws.s3.") + NameOf(event.kind)},
               {"subject", EncodeKey(event.key)},
               {"time", ToIso8601Millis(event.noticed)},
               {"datacontenttype", "application/json"},
               {"data", RecordOf(event)}});
}

}  // namespace hearth
