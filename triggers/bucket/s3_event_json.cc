#include "triggers/bucket/s3_event_json.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "runtime/base/digest.h"

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

}  // namespace

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

std::string EncodeS3Event(const ObjectCreated& created) {
  const json owner = {{"principalId", created.account}};
  const json record = {
      {"eventVersion", "2.1"},
      {"eventSource", "aws:s3"},
      {"awsRegion", created.region},
      {"eventTime", ToIso8601Millis(created.noticed)},
      {"eventName", "ObjectCreated:Put"},
      {"userIdentity", owner},
      {"requestParameters", {{"sourceIPAddress", "127.0.0.1"}}},
      {"responseElements", {{"x-amz-request-id", created.request_id}, {"x-amz-id-2", created.request_id}}},
      {"s3",
       {{"s3SchemaVersion", "1.0"},
        {"configurationId", created.configuration_id},
        {"bucket",
         {{"name", created.bucket}, {"ownerIdentity", owner}, {"arn", "arn:aws:s3:::" + created.bucket}}},
        {"object",
         {{"key", EncodeKey(created.key)},
          {"size", created.identity.size},
          {"eTag", ETagOf(created.identity)},
          {"sequencer", SequencerText(created.sequencer)}}}}}};
  const json event = {{"Records", json::array({record})}};
  return event.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace hearth
