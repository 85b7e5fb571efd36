#pragma once

#include <map>
#include <string>
#include <vector>

#include <hearth/json_reader.h>

// Messages of a topic, as SNS hands them to Lambda (its member names begin with capitals).
// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html

namespace hearth {

struct SnsMessageAttribute {
  std::string type;
  std::string value;
};

struct SnsMessage {
  std::string type;  // "Notification"
  std::string message_id;
  std::string topic_arn;
  std::string subject;  // empty where there is none
  std::string message;
  std::string timestamp;
  std::string signature_version;
  std::string signature;
  std::string signing_cert_url;
  std::string unsubscribe_url;
  std::map<std::string, SnsMessageAttribute> message_attributes;
};

struct SnsRecord {
  std::string event_version;
  std::string event_source;  // always "aws:sns"
  std::string event_subscription_arn;
  SnsMessage sns;
};

struct SnsEvent {
  std::vector<SnsRecord> records;
};

namespace internal {

inline void Decode(const JsonReader& in, SnsMessage& out) {
  out.type = in.At("Type").String();
  out.message_id = in.At("MessageId").String();
  out.topic_arn = in.At("TopicArn").String();
  out.subject = in.OptionalString("Subject");
  out.message = in.At("Message").String();
  out.timestamp = in.At("Timestamp").String();
  out.signature_version = in.OptionalString("SignatureVersion");
  out.signature = in.OptionalString("Signature");
  out.signing_cert_url = in.OptionalString("SigningCertUrl");
  out.unsubscribe_url = in.OptionalString("UnsubscribeUrl");
  const auto attributes = in.Find("MessageAttributes");
  if (!attributes) return;
  attributes->ForEachMember([&](const std::string& name, const JsonReader& attribute) {
    out.message_attributes[name] = {attribute.At("Type").String(), attribute.At("Value").String()};
  });
}

inline void Decode(const JsonReader& in, SnsRecord& out) {
  in.Expect("EventSource", "aws:sns");
  out.event_source = "aws:sns";
  out.event_version = in.At("EventVersion").String();
  out.event_subscription_arn = in.At("EventSubscriptionArn").String();
  Decode(in.At("Sns"), out.sns);
}

inline void Decode(const JsonReader& in, SnsEvent& out) {
  in.At("Records").ForEachElement(
      [&](const JsonReader& record) { Decode(record, out.records.emplace_back()); });
}

}  // namespace internal
}  // namespace hearth
