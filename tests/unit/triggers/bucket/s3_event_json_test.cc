#include "triggers/bucket/s3_event_json.h"

#include <catch2/catch.hpp>
#include <hearth/s3_event.h>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

TEST_CASE("an event is what the SDK decodes", "[bucket]") {
  ObjectEvent created;
  created.region = "eu-central-1";
  created.account = "000000000000";
  created.bucket = "photos";
  created.configuration_id = "thumbnails";
  created.key = "red flower.jpg";
  created.identity = {1, 2048, 3, 4};
  created.noticed = WallTime(std::chrono::milliseconds(1523232000123));
  created.sequencer = 0x1234;
  created.request_id = "11111111-2222-4333-8444-555555555555";
  const auto document = nlohmann::json::parse(EncodeS3Event(created));
  S3Event decoded;
  internal::Decode(internal::JsonReader(document), decoded);
  REQUIRE(decoded.records.size() == 1);
  const S3Record& record = decoded.records[0];
  CHECK(record.event_version == "2.1");
  CHECK(record.aws_region == "eu-central-1");
  CHECK(record.event_time == "2018-04-09T00:00:00.123Z");
  CHECK(record.event_name == "ObjectCreated:Put");
  CHECK(record.configuration_id == "thumbnails");
  CHECK(record.bucket.name == "photos");
  CHECK(record.bucket.arn == "arn:aws:s3:::photos");
  CHECK(record.object.key == "red+flower.jpg");
  CHECK(record.key() == "red flower.jpg");
  CHECK(record.object.size == 2048);
  CHECK(record.object.sequencer == "0000000000001234");
  CHECK(record.object.etag.size() == 34);
  CHECK(record.request_id == created.request_id);
}

TEST_CASE("every byte of a key survives encoding", "[bucket]") {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  CHECK(DecodeKey(EncodeKey(all)) == all);
  CHECK(EncodeKey("a b/\xc3\xbc+%") == "a+b/%C3%BC%2B%25");
  CHECK(DecodeKey("50%") == "50%");
  CHECK(DecodeKey("%4") == "%4");
  CHECK(DecodeKey("%zz") == "%zz");
}

}  // namespace
}  // namespace hearth
