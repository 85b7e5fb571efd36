#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hearth/json_reader.h>
#include <hearth/text_coding.h>
#include <nlohmann/json.hpp>

// A batch of queue messages as Lambda's event source mapping for SQS hands it over, and the answer that names
// those which failed. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html

namespace hearth {

struct SqsMessageAttribute {
  std::string data_type;  // "String", "Number", "Binary", each perhaps with ".suffix"
  std::optional<std::string> string_value;
  std::optional<std::string> binary_value;  // decoded
};

struct SqsMessage {
  std::string message_id;
  std::string receipt_handle;
  std::string body;
  std::string md5_of_body;
  std::string md5_of_message_attributes;
  std::map<std::string, std::string>
      attributes;  // ApproximateReceiveCount, SentTimestamp, MessageGroupId, ...
  std::map<std::string, SqsMessageAttribute> message_attributes;
  std::string event_source;  // always "aws:sqs"
  std::string event_source_arn;
  std::string aws_region;

  // How often the message was handed out, this time included. 0 where the attribute is missing or no number.
  std::int64_t approximate_receive_count() const {
    const auto found = attributes.find("ApproximateReceiveCount");
    std::int64_t count = 0;
    if (found == attributes.end()) return 0;
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
  }
};

struct SqsEvent {
  std::vector<SqsMessage> records;
};

// Which messages of the batch are to come back. Returning it needs FunctionResponseTypes
// ReportBatchItemFailures on the event source mapping; without, any answer counts as success for the whole
// batch.
struct SqsBatchResponse {
  std::vector<std::string> failed_message_ids;

  void Fail(const SqsMessage& message) { failed_message_ids.push_back(message.message_id); }
};

namespace internal {

inline void Decode(const JsonReader& in, SqsMessageAttribute& out) {
  out.data_type = in.At("dataType").String();
  if (const auto text = in.Find("stringValue")) out.string_value = text->String();
  if (const auto binary = in.Find("binaryValue")) {
    out.binary_value = DecodeBase64(binary->String());
    if (!out.binary_value) binary->Throw("is not base64");
  }
}

inline void Decode(const JsonReader& in, SqsMessage& out) {
  in.Expect("eventSource", "aws:sqs");
  out.event_source = "aws:sqs";
  out.message_id = in.At("messageId").String();
  out.receipt_handle = in.At("receiptHandle").String();
  out.body = in.At("body").String();
  out.md5_of_body = in.At("md5OfBody").String();
  out.md5_of_message_attributes = in.OptionalString("md5OfMessageAttributes");
  out.attributes = in.At("attributes").StringMap();
  in.At("messageAttributes").ForEachMember([&](const std::string& name, const JsonReader& attribute) {
    Decode(attribute, out.message_attributes[name]);
  });
  out.event_source_arn = in.At("eventSourceARN").String();
  out.aws_region = in.At("awsRegion").String();
}

inline void Decode(const JsonReader& in, SqsEvent& out) {
  in.At("Records").ForEachElement(
      [&](const JsonReader& record) { Decode(record, out.records.emplace_back()); });
}

inline nlohmann::json Encode(const SqsBatchResponse& response) {
  nlohmann::json failures = nlohmann::json::array();
  for (const std::string& id : response.failed_message_ids) failures.push_back({{"itemIdentifier", id}});
  return {{"batchItemFailures", std::move(failures)}};
}

}  // namespace internal
}  // namespace hearth
