#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <hearth/hearth.h>

// Writes down what it was given, so that a test can read it: each invocation leaves REQUEST_ID-ATTEMPT.json
// in the bucket `records`, as {"event": the payload, "objects": {key: content} for an S3 event, "attempt":
// n}. The payload is also the answer. A payload with the words "please fail" throws after that; "please fail
// once" only on the first receive.

namespace {

using hearth::Context;
using hearth::json;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

json ObjectsOf(const json& event) {
  json objects = json::object();
  if (!event.is_object() || !event.contains("Records")) return objects;
  if (event["Records"].empty() || !event["Records"][0].contains("s3")) return objects;
  const auto decoded = hearth::internal::DecodeEvent<hearth::S3Event>(event.dump());
  for (const hearth::S3Record& record : decoded.records)
    objects[record.key()] = ReadFile(record.path().string());
  return objects;
}

bool WantsToFail(const std::string& text) {
  if (text.find("please fail once") != std::string::npos) {
    return text.find(R"("ApproximateReceiveCount":"1")") != std::string::npos;
  }
  return text.find("please fail") != std::string::npos;
}

json Record(const json& event, Context& context) {
  const json record = {{"event", event}, {"objects", ObjectsOf(event)}, {"attempt", context.attempt()}};
  const std::string name =
      std::string(context.request_id()) + "-" + std::to_string(context.attempt()) + ".json";
  hearth::OutputFile file(hearth::BucketPath("records", name));
  file.Write(record.dump());
  file.Commit();
  if (WantsToFail(event.dump())) throw std::runtime_error("told to fail");
  return event;
}

}  // namespace

HEARTH_HANDLER(Record);
