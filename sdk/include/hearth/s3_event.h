#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hearth/error.h>
#include <hearth/input_object.h>
#include <hearth/json_reader.h>
#include <hearth/text_coding.h>

// "A file was created in a bucket", in the shape of an S3 event notification, and where that file is.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

namespace hearth {

// Where a worker sees its buckets: input buckets read-only, declared output buckets writable. BUCKETS_ROOT in
// the environment names another folder, for a unit test.
inline std::filesystem::path BucketsRoot() {
  const char* root = std::getenv("BUCKETS_ROOT");
  return root && *root ? root : "/mnt/buckets";
}

// The file of a decoded key. A key that would lead out of its bucket throws EventError: a name is not to be
// trusted.
inline std::filesystem::path BucketPath(std::string_view bucket, std::string_view key) {
  const auto refuse = [&](const char* why) {
    throw EventError("key \"" + std::string(key) + "\" of bucket \"" + std::string(bucket) + "\" " + why);
  };
  if (bucket.empty() || bucket == "." || bucket == ".." || bucket.find('/') != std::string_view::npos) {
    refuse("is in no bucket: that name is not one");
  }
  if (key.empty() || key.front() == '/') refuse("is empty or begins with '/'");
  if (key.find('\0') != std::string_view::npos) refuse("holds a zero byte");
  for (const auto& part : std::filesystem::path(key)) {
    if (part == "..") refuse("leads out of it by \"..\"");
  }
  return BucketsRoot() / bucket / key;
}

struct S3Bucket {
  std::string name;
  std::string owner_principal_id;
  std::string arn;
};

struct S3Object {
  std::string key;  // as sent: percent-encoded; S3Record::key() is the name
  std::int64_t size = 0;
  std::string etag;
  std::string version_id;
  std::string sequencer;
};

struct S3Record {
  std::string event_version;
  std::string event_source;  // always "aws:s3"
  std::string aws_region;
  std::string event_time;
  std::string event_name;  // "ObjectCreated:Put"
  std::string principal_id;
  std::string source_ip_address;
  std::string request_id;  // x-amz-request-id
  std::string host_id;     // x-amz-id-2
  std::string s3_schema_version;
  std::string configuration_id;
  S3Bucket bucket;
  S3Object object;
  InputObject content;  // of an event that a handler was given; none in what ParseEvent() makes

  // The object's name, decoded: "holiday/my cat.jpg".
  std::string key() const {
    auto decoded = internal::DecodeFormText(object.key);
    if (!decoded) throw EventError("object key \"" + object.key + "\" is not percent-encoded text");
    return *decoded;
  }
  // The file to read: /mnt/buckets/<bucket>/<decoded key>.
  std::filesystem::path path() const { return BucketPath(bucket.name, key()); }
  // The same file, open for reading since before the handler began. Needs no mount and no permission; content.fd().
  int fd() const { return content.fd(); }
};

struct S3Event {
  std::vector<S3Record> records;
};

namespace internal {

inline void DecodeS3Entity(const JsonReader& in, S3Record& out) {
  out.s3_schema_version = in.OptionalString("s3SchemaVersion");
  out.configuration_id = in.OptionalString("configurationId");
  const JsonReader bucket = in.At("bucket");
  out.bucket.name = bucket.At("name").String();
  out.bucket.arn = bucket.OptionalString("arn");
  if (const auto owner = bucket.Find("ownerIdentity")) {
    out.bucket.owner_principal_id = owner->OptionalString("principalId");
  }
  const JsonReader object = in.At("object");
  out.object.key = object.At("key").String();
  if (const auto size = object.Find("size")) out.object.size = size->Integer();  // removals have none
  out.object.etag = object.OptionalString("eTag");
  out.object.version_id = object.OptionalString("versionId");
  out.object.sequencer = object.OptionalString("sequencer");
}

inline void Decode(const JsonReader& in, S3Record& out) {
  in.Expect("eventSource", "aws:s3");
  out.event_source = "aws:s3";
  out.event_version = in.At("eventVersion").String();
  out.aws_region = in.At("awsRegion").String();
  out.event_time = in.At("eventTime").String();
  out.event_name = in.At("eventName").String();
  if (const auto user = in.Find("userIdentity")) out.principal_id = user->OptionalString("principalId");
  if (const auto request = in.Find("requestParameters")) {
    out.source_ip_address = request->OptionalString("sourceIPAddress");
  }
  if (const auto response = in.Find("responseElements")) {
    out.request_id = response->OptionalString("x-amz-request-id");
    out.host_id = response->OptionalString("x-amz-id-2");
  }
  DecodeS3Entity(in.At("s3"), out);
}

inline void Decode(const JsonReader& in, S3Event& out) {
  in.At("Records").ForEachElement(
      [&](const JsonReader& record) { Decode(record, out.records.emplace_back()); });
}

}  // namespace internal
}  // namespace hearth
