#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vips/vips8>

#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

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
  const auto [name, value] = GENERATE(std::pair("OUTPUT_BUCKET", ""), std::pair("LONG_EDGE", "wide"),
                                      std::pair("LONG_EDGE", "15"), std::pair("FORMAT", "gif"));
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
