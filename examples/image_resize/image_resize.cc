#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <hearth/hearth.h>

#include "thumbnail.h"

// Makes thumbnails of each picture that arrives in a bucket. Configuration is environment:
//
//   OUTPUT_BUCKET  where thumbnails go, under the same key with the format's extension; must be another bucket
//   LONG_EDGE      pixels, 16 to 8192, default 320; one size
//   SIZES          instead: up to 8 long edges, "320,1280"; each below a folder of that name
//   FORMAT         jpeg (default), png or webp
//   FRAMES         of a picture that moves: first (default), or all, with FORMAT webp
//   MAX_SECONDS    for all sizes of a picture, 1 to 900, default 20

namespace {

using hearth::Context;
using hearth::FunctionError;
using hearth::json;
using hearth::S3Event;
using hearth::S3Record;
using image_resize::Format;

constexpr std::uintmax_t kInputBytesMax = 128u << 20;  // a quarter of the function's 512 MiB
constexpr std::size_t kSizesMax = 8;

std::string EnvironmentOr(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

[[noreturn]] void RefuseSetting(const std::string& problem) { throw FunctionError("Configuration", problem); }

int ReadNumber(const char* name, const std::string& text, int least, int most) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    RefuseSetting(std::string(name) + " has \"" + text + "\"; it must be a whole number from " +
                  std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

// Largest first: the order says which thumbnail a picture that runs out of time still gets, and the large one costs.
std::vector<int> ReadSizes(const std::string& list) {
  std::vector<int> sizes;
  std::istringstream in(list);
  for (std::string one; std::getline(in, one, ',');) sizes.push_back(ReadNumber("SIZES", one, 16, 8192));
  std::sort(sizes.rbegin(), sizes.rend());
  if (sizes.empty() || sizes.size() > kSizesMax ||
      std::adjacent_find(sizes.begin(), sizes.end()) != sizes.end()) {
    RefuseSetting("SIZES is \"" + list + "\"; it must be 1 to " + std::to_string(kSizesMax) +
                  " different long edges, as in \"320,1280\"");
  }
  return sizes;
}

image_resize::Frames ReadFrames() {
  const std::string text = EnvironmentOr("FRAMES", "first");
  if (text != "first" && text != "all") RefuseSetting("FRAMES is \"" + text + "\"; it must be first or all");
  return text == "all" ? image_resize::Frames::kAll : image_resize::Frames::kFirst;
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

void CheckBytes(std::uintmax_t size) {
  if (size <= kInputBytesMax) return;
  throw FunctionError("ImageTooLarge", "the file has " + std::to_string(size) + " bytes; at most " +
                                           std::to_string(kInputBytesMax) + " are read");
}

// Into memory, not mapped: a file that is cut short while it is read must be an error, not a SIGBUS.
std::string ReadFile(const std::filesystem::path& path) {
  const std::uintmax_t size = std::filesystem::file_size(path);
  CheckBytes(size);
  std::string bytes(size, '\0');
  std::ifstream in(path, std::ios::binary);
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) {
    throw FunctionError("UnreadableObject", "cannot read " + path.string());
  }
  return bytes;
}

// The file is open already. Only an event that somebody made up, for `hearth invoke`, has to find it.
std::string ReadObject(const S3Record& record) {
  if (record.content.state() == HEARTH_OBJECT_NONE) return ReadFile(record.path());
  CheckBytes(record.content.size());
  return record.content.Read(kInputBytesMax);
}

class Resizer {
 public:
  Resizer()
      : output_bucket_(ReadOutputBucket()),
        sizes_(EnvironmentOr("SIZES", "")),
        max_time_(ReadNumber("MAX_SECONDS", EnvironmentOr("MAX_SECONDS", "20"), 1, 900)),
        settings_{sizes_.empty()
                      ? std::vector<int>{ReadNumber("LONG_EDGE", EnvironmentOr("LONG_EDGE", "320"), 16, 8192)}
                      : ReadSizes(sizes_),
                  ReadFormat(), ReadFrames()} {
    image_resize::StartLibrary();
  }

  json Handle(const S3Event& event, Context& context) {
    json thumbnails = json::array();
    for (const S3Record& record : event.records) Resize(record, context, thumbnails);
    return {{"thumbnails", std::move(thumbnails)}};
  }

 private:
  void Resize(const S3Record& record, Context& context, json& made) {
    if (record.bucket.name == output_bucket_) {
      RefuseSetting(
          "OUTPUT_BUCKET is the bucket that pictures come from: each thumbnail would be resized again");
    }
    image_resize::Settings settings = settings_;
    settings.deadline = std::chrono::steady_clock::now() + max_time_;
    // All are made before the first is written: a picture that fails leaves none.
    for (const auto& thumbnail : image_resize::MakeThumbnails(ReadObject(record), settings)) {
      const std::string key = ThumbnailKey(record.key(), thumbnail.long_edge);
      hearth::OutputFile file(hearth::BucketPath(output_bucket_, key));
      file.Write(thumbnail.bytes);
      file.Commit();
      made.push_back({{"bucket", output_bucket_},
                      {"key", key},
                      {"width", thumbnail.width},
                      {"height", thumbnail.height},
                      {"frames", thumbnail.frames},
                      {"bytes", thumbnail.bytes.size()}});
      context.Info("thumbnail made", {{"from", record.key()}, {"thumbnail", made.back()}});
    }
  }

  std::string ThumbnailKey(const std::string& key, int long_edge) const {
    const std::string folder = sizes_.empty() ? "" : std::to_string(long_edge) + "/";
    return folder +
           std::filesystem::path(key).replace_extension(image_resize::ExtensionOf(settings_.format)).string();
  }

  const std::string output_bucket_;
  const std::string sizes_;  // "": one size, without a folder
  const std::chrono::seconds max_time_;
  const image_resize::Settings settings_;
};

}  // namespace

HEARTH_HANDLER(Resizer);
