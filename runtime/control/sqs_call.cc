#include "runtime/control/sqs_call.h"

#include "runtime/control/sqs_xml.h"

namespace hearth {
namespace {

constexpr const char* kSqsJson = "application/x-amz-json-1.0";
constexpr const char* kSqsXml = "text/xml";

}  // namespace

std::optional<std::string> SqsCall::NeedQueue() {
  std::string url = call_->parameter("queue");
  if (const Status read = members().Read("QueueUrl", url); !read.ok()) {
    Fail(read.error());
    return std::nullopt;
  }
  if (url.empty()) {
    members().Has("QueueUrl") ? Fail(QueueDoesNotExist()) : Fail(SqsMissingParameter("QueueUrl"));
    return std::nullopt;
  }
  while (url.ends_with('/')) url.pop_back();
  std::string name = url.substr(url.rfind('/') + 1);
  if (!name.empty()) return name;
  Fail(QueueDoesNotExist());
  return std::nullopt;
}

std::optional<std::string> SqsCall::NeedText(const char* name) {
  std::string text;
  const Status read = members().Read(name, text);
  if (read.ok() && !text.empty()) return text;
  read.ok() ? Fail(SqsMissingParameter(name)) : Fail(read.error());
  return std::nullopt;
}

std::string SqsCall::UrlOf(const std::string& account, const std::string& queue) const {
  return "http://" + std::string(call_->header("host")) + "/" + account + "/" + queue;
}

void SqsCall::Answer(const Json& body) {
  if (protocol_ == SqsProtocol::kJson)
    return call_->Answer(200, {{"content-type", kSqsJson}}, DumpJson(body));
  call_->Answer(200, {{"content-type", kSqsXml}}, SqsAnswerXml(operation_, body, call_->request_id().text()));
}

void SqsCall::Fail(const SqsError& error) {
  if (protocol_ == SqsProtocol::kQuery) {
    return call_->Answer(error.status, {{"content-type", kSqsXml}},
                         SqsErrorXml(error, call_->request_id().text()));
  }
  const char* fault = error.status >= 500 ? "Receiver" : "Sender";
  call_->Answer(error.status,
                {{"content-type", kSqsJson}, {"x-amzn-query-error", error.query_code + ";" + fault}},
                SqsErrorJson(error));
}

}  // namespace hearth
