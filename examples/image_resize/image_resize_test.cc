#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vips/vips8>

#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

#include "thumbnail.h"

// image_resize.cc is linked into this test.
extern "C" const struct hearth_function* hearth_function(void);

using hearth::json;
using hearth::testing::InvokeResult;
using hearth::testing::Runner;
using hearth::testing::SampleS3Event;
using vips::VImage;

namespace {

namespace fs = std::filesystem;

// Two buckets in a scratch folder: "photos" with pictures that are drawn here, "thumbs" for what comes out.
class Buckets {
 public:
  Buckets() {
    REQUIRE(VIPS_INIT("image_resize_test") == 0);
    char name[] = "/tmp/image_resize_test_XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    root_ = name;
    fs::create_directories(root_ / "photos");
    fs::create_directories(root_ / "thumbs");
    Set("BUCKETS_ROOT", root_.string());
    Set("OUTPUT_BUCKET", "thumbs");
    Set("LONG_EDGE", "64");
    Set("FORMAT", "jpeg");
    for (const char* unset : {"SIZES", "FRAMES", "MAX_SECONDS"}) Set(unset, "");
  }
  ~Buckets() { fs::remove_all(root_); }

  void Set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

  // A picture whose left half is red and right half is blue, in the format of `suffix`, stored under `key`.
  void Draw(const std::string& key, int width, int height, const std::string& suffix, int orientation = 1) {
    const VImage red = VImage::black(width / 2, height).new_from_image(std::vector<double>{255, 0, 0});
    const VImage blue =
        VImage::black(width - width / 2, height).new_from_image(std::vector<double>{0, 0, 255});
    VImage picture = red.join(blue, VIPS_DIRECTION_HORIZONTAL)
                         .cast(VIPS_FORMAT_UCHAR)
                         .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
    picture.set("orientation", orientation);
    void* data = nullptr;
    size_t size = 0;
    picture.write_to_buffer(suffix.c_str(), &data, &size);
    Store(key, std::string(static_cast<const char*>(data), size));
    g_free(data);
  }
  void Store(const std::string& key, const std::string& bytes) {
    const fs::path path = root_ / "photos" / key;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  std::string Stored(const std::string& key) const {
    std::ostringstream bytes;
    bytes << std::ifstream(root_ / "photos" / key, std::ios::binary).rdbuf();
    return bytes.str();
  }

  InvokeResult Resize(const std::string& key) {
    return Runner(hearth_function()).Invoke(SampleS3Event("photos", key).dump());
  }

  // As a bucket's trigger does: the file is open, and its folder is not mounted.
  InvokeResult ResizeOpen(const std::string& key) {
    const std::string moved = (root_ / "elsewhere").string();
    fs::rename(root_ / "photos" / key, moved);
    return Runner(hearth_function()).Invoke(SampleS3Event("photos", key).dump(), {.object_path = moved});
  }
  // A moving picture: frames one above the other, each with other noise, so that none is left out.
  void StoreMoving(const std::string& key, int width, int height, int frames, const std::string& suffix) {
    const VImage noise = VImage::gaussnoise(width, height * frames).cast(VIPS_FORMAT_UCHAR);
    VImage strip = noise.bandjoin(std::vector<VImage>{noise, noise})
                       .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
    strip.set("page-height", height);
    void* data = nullptr;
    size_t size = 0;
    strip.write_to_buffer(suffix.c_str(), &data, &size);
    Store(key, std::string(static_cast<const char*>(data), size));
    g_free(data);
  }

  VImage Thumbnail(const std::string& key) const {
    const fs::path path = root_ / "thumbs" / key;
    REQUIRE(fs::exists(path));
    return VImage::new_from_file(path.c_str());
  }
  // Everything in the output bucket, temporary files too.
  std::size_t CountThumbnails() const {
    return std::distance(fs::recursive_directory_iterator(root_ / "thumbs"),
                         fs::recursive_directory_iterator());
  }

 private:
  fs::path root_;
};

bool IsRed(const VImage& image, int x, int y) {
  const auto pixel = image.getpoint(x, y);
  return pixel[0] > 200 && pixel[2] < 60;
}

}  // namespace

TEST_CASE("a picture shrinks to the long edge", "[image_resize]") {
  Buckets buckets;
  const std::string suffix = GENERATE(std::string(".jpg"), ".png", ".webp");
  INFO(suffix);
  buckets.Draw("holiday/my cat" + suffix, 400, 200, suffix);
  const InvokeResult result = buckets.Resize("holiday/my cat" + suffix);
  REQUIRE(result.ok());
  const VImage thumbnail = buckets.Thumbnail("holiday/my cat.jpg");
  CHECK(thumbnail.width() == 64);
  CHECK(thumbnail.height() == 32);
  CHECK(IsRed(thumbnail, 5, 16));
  CHECK_FALSE(IsRed(thumbnail, 58, 16));
  CHECK(result.response_json().at("thumbnails").at(0).at("key") == "holiday/my cat.jpg");
  CHECK(buckets.CountThumbnails() == 2);  // the folder and the file: no temporary one stays
}

TEST_CASE("the output format is as configured", "[image_resize]") {
  Buckets buckets;
  buckets.Draw("a.jpg", 100, 100, ".jpg");
  for (const auto& [format, file, loader] :
       {std::tuple("png", "a.png", "pngload"), std::tuple("webp", "a.webp", "webpload")}) {
    buckets.Set("FORMAT", format);
    REQUIRE(buckets.Resize("a.jpg").ok());
    CHECK(std::string(buckets.Thumbnail(file).get_string("vips-loader")).starts_with(loader));
  }
}

TEST_CASE("content decides, not the name", "[image_resize]") {
  Buckets buckets;
  buckets.Draw("really a png.jpg", 100, 50, ".png");
  REQUIRE(buckets.Resize("really a png.jpg").ok());
  CHECK(buckets.Thumbnail("really a png.jpg").width() == 64);
}

TEST_CASE("EXIF rotation is honoured", "[image_resize]") {
  Buckets buckets;
  buckets.Draw("turned.jpg", 400, 200, ".jpg", /*orientation=*/6);  // to be turned 90 degrees clockwise
  REQUIRE(buckets.Resize("turned.jpg").ok());
  const VImage thumbnail = buckets.Thumbnail("turned.jpg");
  CHECK(thumbnail.width() == 32);
  CHECK(thumbnail.height() == 64);
  CHECK(IsRed(thumbnail, 16, 5));
  CHECK_FALSE(IsRed(thumbnail, 16, 58));
}

TEST_CASE("a small picture is not blown up", "[image_resize]") {
  Buckets buckets;
  buckets.Draw("small.png", 20, 10, ".png");
  REQUIRE(buckets.Resize("small.png").ok());
  CHECK(buckets.Thumbnail("small.jpg").width() == 20);
}

TEST_CASE("a truncated picture is a clean error", "[image_resize]") {
  Buckets buckets;
  const std::string suffix = GENERATE(std::string(".jpg"), ".png", ".webp");
  INFO(suffix);
  buckets.Draw("cut" + suffix, 800, 600, suffix);
  const std::string whole = buckets.Stored("cut" + suffix);
  buckets.Store("cut" + suffix, whole.substr(0, whole.size() * 6 / 10));
  const InvokeResult result = buckets.Resize("cut" + suffix);
  REQUIRE_FALSE(result.ok());
  CHECK(result.failure->type == "BadImage");
  CHECK_FALSE(result.failure->message.empty());
  CHECK(buckets.CountThumbnails() == 0);
}

TEST_CASE("a picture that promises too many pixels is refused", "[image_resize]") {
  Buckets buckets;
  buckets.Draw("bomb.png", 64, 64, ".png");
  std::string png = buckets.Stored("bomb.png");
  // Width and height of the IHDR chunk, at 16 and 20: 60000 each. The chunk's CRC is made to fit.
  const auto put = [&](std::size_t at, unsigned long value) {
    for (int k = 0; k < 4; ++k) png[at + k] = static_cast<char>(value >> (24 - 8 * k));
  };
  put(16, 60000);
  put(20, 60000);
  unsigned long crc = 0xffffffff;
  for (std::size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<unsigned char>(png[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  put(29, crc ^ 0xffffffff);
  buckets.Store("bomb.png", png);
  const InvokeResult result = buckets.Resize("bomb.png");
  REQUIRE_FALSE(result.ok());
  CHECK(result.failure->type == "ImageTooLarge");
}

TEST_CASE("a file that is no picture is refused", "[image_resize]") {
  Buckets buckets;
  buckets.Store("drawing.jpg", "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>");
  CHECK(buckets.Resize("drawing.jpg").failure->type == "UnsupportedImage");
  buckets.Store("empty.jpg", "");
  CHECK(buckets.Resize("empty.jpg").failure->type == "UnsupportedImage");
}

TEST_CASE("a bad picture does not spoil the next", "[image_resize]") {
  Buckets buckets;
  buckets.Store("bad.jpg", "\xff\xd8\xff and then nothing of use");
  buckets.Draw("good.jpg", 100, 50, ".jpg");
  Runner worker(hearth_function());
  CHECK(worker.Invoke(SampleS3Event("photos", "bad.jpg").dump()).failure->type == "BadImage");
  CHECK(worker.Invoke(SampleS3Event("photos", "good.jpg").dump()).ok());
}

TEST_CASE("wrong configuration fails init with the name of the variable", "[image_resize]") {
  Buckets buckets;
  const auto [name, value] =
      GENERATE(std::pair("OUTPUT_BUCKET", ""), std::pair("LONG_EDGE", "wide"), std::pair("LONG_EDGE", "15"),
               std::pair("FORMAT", "gif"), std::pair("SIZES", "64,wide"), std::pair("SIZES", "64,64"),
               std::pair("SIZES", "16,17,18,19,20,21,22,23,24"), std::pair("FRAMES", "some"),
               std::pair("MAX_SECONDS", "0"), std::pair("MAX_SECONDS", "901"));
  buckets.Set(name, value);
  const InvokeResult result = Runner(hearth_function()).Init();
  REQUIRE_FALSE(result.ok());
  CHECK(result.failure->type == "Configuration");
  CHECK(result.failure->message.find(name) == 0);
}

TEST_CASE("thumbnails that would come back as pictures are refused", "[image_resize]") {
  Buckets buckets;
  buckets.Set("OUTPUT_BUCKET", "photos");
  buckets.Draw("a.jpg", 100, 50, ".jpg");
  CHECK(buckets.Resize("a.jpg").failure->type == "Configuration");
}

TEST_CASE("several sizes of a picture, each below its folder", "[image_resize]") {
  Buckets buckets;
  buckets.Set("SIZES", "32,128,64,16,17,18,19,20");  // as many as are allowed
  buckets.Draw("a/cat.png", 400, 200, ".png");
  const InvokeResult result = buckets.Resize("a/cat.png");
  REQUIRE(result.ok());
  CHECK(buckets.Thumbnail("128/a/cat.jpg").width() == 128);
  CHECK(buckets.Thumbnail("32/a/cat.jpg").height() == 16);
  CHECK(result.response_json().at("thumbnails").size() == 8);
}

TEST_CASE("a picture that fails leaves none of its sizes", "[image_resize]") {
  Buckets buckets;
  buckets.Set("SIZES", "32,64");
  buckets.Draw("cut.jpg", 800, 600, ".jpg");
  buckets.Store("cut.jpg", buckets.Stored("cut.jpg").substr(0, buckets.Stored("cut.jpg").size() / 2));
  CHECK(buckets.Resize("cut.jpg").failure->type == "BadImage");
  CHECK(buckets.CountThumbnails() == 0);
}

TEST_CASE("the picture is read from what is open, and stays as it was", "[image_resize]") {
  Buckets buckets;
  buckets.Draw("a.jpg", 100, 50, ".jpg");
  CHECK(buckets.ResizeOpen("a.jpg").ok());
  CHECK(buckets.Thumbnail("a.jpg").width() == 64);
  buckets.Draw("b.jpg", 100, 50, ".jpg");
  const std::string before = buckets.Stored("b.jpg");
  REQUIRE(buckets.Resize("b.jpg").ok());
  CHECK(buckets.Stored("b.jpg") == before);
}

TEST_CASE("of a picture that moves the first frame, or all", "[image_resize]") {
  Buckets buckets;
  const std::string suffix = GENERATE(std::string(".gif"), ".webp");
  INFO(suffix);
  buckets.StoreMoving("moving" + suffix, 100, 50, 5, suffix);
  REQUIRE(buckets.Resize("moving" + suffix).ok());
  CHECK(buckets.Thumbnail("moving.jpg").height() == 32);
  buckets.Set("FORMAT", "webp");
  buckets.Set("FRAMES", "all");
  const InvokeResult all = buckets.Resize("moving" + suffix);
  REQUIRE(all.ok());
  CHECK(all.response_json().at("thumbnails").at(0).at("frames") == 5);
  CHECK(all.response_json().at("thumbnails").at(0).at("height") == 32);
  CHECK(buckets.Thumbnail("moving.webp").get_int("n-pages") == 5);
}

TEST_CASE("frames at the limit and one past it", "[image_resize]") {
  Buckets buckets;
  buckets.Set("LONG_EDGE", "16");
  buckets.Set("FORMAT", "webp");
  buckets.Set("FRAMES", "all");
  buckets.StoreMoving("at.gif", 16, 16, 500, ".gif");
  CHECK(buckets.Resize("at.gif").ok());
  buckets.StoreMoving("past.gif", 16, 16, 501, ".gif");
  const InvokeResult past = buckets.Resize("past.gif");
  REQUIRE_FALSE(past.ok());
  CHECK(past.failure->type == "TooManyFrames");
  CHECK(past.failure->message == "the picture has 501 frames; at most 500 are made smaller");
  buckets.Set("FRAMES", "first");  // the others are not unpacked
  CHECK(buckets.Resize("past.gif").ok());
}

TEST_CASE("a picture past its time is given up with a name", "[image_resize]") {
  Buckets buckets;
  image_resize::StartLibrary();
  buckets.Draw("a.png", 400, 200, ".png");
  image_resize::Settings settings;
  settings.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  CHECK_THROWS_WITH(image_resize::MakeThumbnails(buckets.Stored("a.png"), settings),
                    Catch::Contains("MAX_SECONDS"));
}

TEST_CASE("a picture whose time runs out within the work is given up too", "[image_resize]") {
  Buckets buckets;
  image_resize::StartLibrary();
  buckets.Draw("large.png", 3000, 3000, ".png");
  image_resize::Settings settings;
  settings.long_edges = {2000};  // takes a hundred times as long as it gets
  settings.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
  CHECK_THROWS_WITH(image_resize::MakeThumbnails(buckets.Stored("large.png"), settings),
                    Catch::Contains("MAX_SECONDS"));
}
