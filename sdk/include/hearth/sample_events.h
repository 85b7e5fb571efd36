#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hearth/text_coding.h>
#include <nlohmann/json.hpp>

// Payloads for unit tests, in the shapes that the triggers send. Each is json: change a member, then dump().

namespace hearth::testing {

inline nlohmann::json SampleHttpEvent(const std::string& method, const std::string& path,
                                      const std::map<std::string, std::string>& query = {},
                                      const std::string& body = {}) {
  std::string raw_query;
  for (const auto& [name, value] : query) {
    raw_query += (raw_query.empty() ? "" : "&") + internal::EncodeFormText(name) + '=' +
                 internal::EncodeFormText(value);
  }
  nlohmann::json event = {{"version", "2.0"},
                          {"routeKey", "$default"},
                          {"rawPath", path},
                          {"rawQueryString", raw_query},
                          {"headers", {{"host", "127.0.0.1:8080"}, {"user-agent", "sample"}}},
                          {"requestContext",
                           {{"accountId", "000000000000"},
                            {"apiId", "sample"},
                            {"domainName", "127.0.0.1"},
                            {"domainPrefix", "sample"},
                            {"http",
                             {{"method", method},
                              {"path", path},
                              {"protocol", "HTTP/1.1"},
                              {"sourceIp", "127.0.0.1"},
                              {"userAgent", "sample"}}},
                            {"requestId", "sample-request"},
                            {"routeKey", "$default"},
                            {"stage", "$default"},
                            {"time", "12/Mar/2020:19:03:58 +0000"},
                            {"timeEpoch", 1583348638390}}},
                          {"isBase64Encoded", false}};
  if (!query.empty()) event["queryStringParameters"] = query;
  const bool text = internal::IsUtf8(body);
  if (!body.empty()) event["body"] = text ? body : internal::EncodeBase64(body);
  event["isBase64Encoded"] = !text;
  return event;
}

// `key` is the plain name; it is encoded here.
inline nlohmann::json SampleS3Event(const std::string& bucket, const std::string& key,
                                    std::int64_t size = 0) {
  return {{"Records",
           {{{"eventVersion", "2.1"},
             {"eventSource", "aws:s3"},
             {"awsRegion", "us-east-1"},
             {"eventTime", "1970-01-01T00:00:00.000Z"},
             {"eventName", "ObjectCreated:Put"},
             {"userIdentity", {{"principalId", "sample"}}},
             {"requestParameters", {{"sourceIPAddress", "127.0.0.1"}}},
             {"responseElements", {{"x-amz-request-id", "sample"}, {"x-amz-id-2", "sample"}}},
             {"s3",
              {{"s3SchemaVersion", "1.0"},
               {"configurationId", "sample"},
               {"bucket",
                {{"name", bucket},
                 {"ownerIdentity", {{"principalId", "sample"}}},
                 {"arn", "arn:aws:s3:::" + bucket}}},
               {"object",
                {{"key", internal::EncodeFormText(key)},
                 {"size", size},
                 {"eTag", "0123456789abcdef0123456789abcdef"},
                 {"sequencer", "0A1B2C3D4E5F678901"}}}}}}}}};
}

// One message for each body; their ids are "message-1", "message-2", ...
inline nlohmann::json SampleSqsEvent(const std::vector<std::string>& bodies) {
  nlohmann::json records = nlohmann::json::array();
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    records.push_back({{"messageId", "message-" + std::to_string(i + 1)},
                       {"receiptHandle", "receipt-" + std::to_string(i + 1)},
                       {"body", bodies[i]},
                       {"attributes",
                        {{"ApproximateReceiveCount", "1"},
                         {"SentTimestamp", "1523232000000"},
                         {"SenderId", "sample"},
                         {"ApproximateFirstReceiveTimestamp", "1523232000001"}}},
                       {"messageAttributes", nlohmann::json::object()},
                       {"md5OfBody", "7b270e59b47ff90a553787216d55d91d"},
                       {"eventSource", "aws:sqs"},
                       {"eventSourceARN", "arn:aws:sqs:us-east-1:000000000000:sample"},
                       {"awsRegion", "us-east-1"}});
  }
  return {{"Records", std::move(records)}};
}

}  // namespace hearth::testing
