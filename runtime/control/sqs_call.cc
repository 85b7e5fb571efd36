#include "runtime/control/sqs_call.h"

namespace hearth {
namespace {

constexpr const char* kSqsJson = "application/x-amz-json-1.0";

}  // namespace

Result<std::string> SqsCall::QueueName() const {
  std::string url;
  HEARTH_TRY(members().Require("QueueUrl"));
  HEARTH_TRY(members().Read("QueueUrl", url));
  while (url.ends_with('/')) url.pop_back();
  const size_t slash = url.rfind('/');
  std::string name = slash == std::string::npos ? url : url.substr(slash + 1);
  if (name.empty()) return Error{ErrorCode::kNotFound, "QueueUrl names no queue"};
  return name;
}

void SqsCall::Answer(const Json& body) { call_->Answer(200, {{"content-type", kSqsJson}}, DumpJson(body)); }

void SqsCall::Fail(const SqsError& error) {
  const char* fault = error.status >= 500 ? "Receiver" : "Sender";
  call_->Answer(error.status,
                {{"content-type", kSqsJson}, {"x-amzn-query-error", error.query_code + ";" + fault}},
                SqsErrorJson(error));
}

}  // namespace hearth
