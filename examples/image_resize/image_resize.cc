#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include <hearth/hearth.h>

#include "thumbnail.h"

// Makes a thumbnail of each picture that arrives in a bucket. Configuration is environment:
//   OUTPUT_BUCKET  where thumbnails go, under the same key with the format's extension; must be another
//   bucket LONG_EDGE      pixels, 16 to 8192, default 320 FORMAT         jpeg (default), png or webp

namespace {

using hearth::Context;
using hearth::FunctionError;
using hearth::json;
using hearth::S3Event;
using hearth::S3Record;
using image_resize::Format;

constexpr std::uintmax_t kInputBytesMax = 128u << 20;  // a quarter of the function's 512 MiB

std::string EnvironmentOr(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

[[noreturn]] void RefuseSetting(const std::string& problem) { throw FunctionError("Configuration", problem); }

int ReadLongEdge() {
  const std::string text = EnvironmentOr("LONG_EDGE", "320");
  int pixels = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pixels);
  if (error != std::errc() || end != text.data() + text.size() || pixels < 16 || pixels > 8192) {
    RefuseSetting("LONG_EDGE is \"" + text + "\"; it must be a whole number from 16 to 8192");
  }
  return pixels;
}

Format ReadFormat() {
  static const std::map<std::string, Format> formats = {
      {"jpeg", Format::kJpeg}, {"png", Format::kPng}, {"webp", Format::kWebp}};
  const std::string text = EnvironmentOr("FORMAT", "jpeg");
  const auto found = formats.find(text);
  if (found == formats.end()) RefuseSetting("FORMAT is \"" + text + "\"; it must be jpeg, png or webp");
  return found->second;
}

std::string ReadOutputBucket() {
  std::string bucket = EnvironmentOr("OUTPUT_BUCKET", "");
  if (bucket.empty()) RefuseSetting("OUTPUT_BUCKET is not set; name the bucket that thumbnails go to");
  return bucket;
}

// Into memory, not mapped: a file that is cut short while it is read must be an error, not a SIGBUS.
std::string ReadFile(const std::filesystem::path& path) {
  const std::uintmax_t size = std::filesystem::file_size(path);
  if (size > kInputBytesMax) {
    throw FunctionError("ImageTooLarge", path.string() + " has " + std::to_string(size) + " bytes; at most " +
                                             std::to_string(kInputBytesMax) + " are read");
  }
  std::string bytes(size, '\0');
  std::ifstream in(path, std::ios::binary);
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) {
    throw FunctionError("UnreadableObject", "cannot read " + path.string());
  }
  return bytes;
}

class Resizer {
 public:
  Resizer() : output_bucket_(ReadOutputBucket()), settings_{ReadLongEdge(), ReadFormat()} {
    image_resize::StartLibrary();
  }

  json Handle(const S3Event& event, Context& context) {
    json thumbnails = json::array();
    for (const S3Record& record : event.records) thumbnails.push_back(Resize(record, context));
    return {{"thumbnails", std::move(thumbnails)}};
  }

 private:
  json Resize(const S3Record& record, Context& context) {
    if (record.bucket.name == output_bucket_) {
      RefuseSetting(
          "OUTPUT_BUCKET is the bucket that pictures come from: each thumbnail would be resized again");
    }
    const std::string key = ThumbnailKey(record.key());
    const auto thumbnail = image_resize::MakeThumbnail(ReadFile(record.path()), settings_);
    hearth::OutputFile file(hearth::BucketPath(output_bucket_, key));
    file.Write(thumbnail.bytes);
    file.Commit();
    json made = {{"bucket", output_bucket_},
                 {"key", key},
                 {"width", thumbnail.width},
                 {"height", thumbnail.height},
                 {"bytes", thumbnail.bytes.size()}};
    context.Info("thumbnail made", {{"from", record.key()}, {"thumbnail", made}});
    return made;
  }

  std::string ThumbnailKey(const std::string& key) const {
    return std::filesystem::path(key).replace_extension(image_resize::ExtensionOf(settings_.format)).string();
  }

  const std::string output_bucket_;
  const image_resize::Settings settings_;
};

}  // namespace

HEARTH_HANDLER(Resizer);
