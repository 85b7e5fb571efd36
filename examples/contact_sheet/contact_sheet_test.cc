#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <hearth/hearth.h>
#include <hearth/testing.h>

// contact_sheet.cc is linked into this test.
extern "C" const struct hearth_function* hearth_function(void);

using hearth::json;
using hearth::testing::Runner;
using hearth::testing::SampleHttpEvent;

namespace {

namespace fs = std::filesystem;

const std::string kJpeg = "\xff\xd8\xff\xe0 and so on";

struct Thumbs {
  Thumbs() {
    char name[] = "/tmp/contact_sheet_test_XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    root = name;
    fs::create_directories(root / "thumbs");
    ::setenv("BUCKETS_ROOT", root.c_str(), 1);
    ::setenv("BUCKET", "thumbs", 1);
  }
  ~Thumbs() { fs::remove_all(root); }
  void Store(const std::string& key, const std::string& bytes = kJpeg) {
    const fs::path path = root / "thumbs" / key;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  json Get(const std::map<std::string, std::string>& query = {}, const std::string& method = "GET") {
    json event = SampleHttpEvent(method, "/");
    event["queryStringParameters"] = query;
    const auto result = Runner(hearth_function()).Invoke(event.dump());
    INFO((result.ok() ? "" : result.failure->message));
    REQUIRE(result.ok());
    return result.response_json();
  }
  fs::path root;
};

bool Has(const json& page, const std::string& words) {
  return page.at("body").get<std::string>().find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("the page shows each picture by its key", "[contact_sheet]") {
  Thumbs thumbs;
  thumbs.Store("lake.jpg");
  thumbs.Store("320/holiday/my cat.webp");
  thumbs.Store("notes.txt");
  thumbs.Store(".part-h1-0badcafe.jpg");
  thumbs.Store(".hearth-puts/half.jpg");
  const json page = thumbs.Get();
  CHECK(page.at("statusCode") == 200);
  CHECK(Has(page, "src=\"?picture=lake.jpg\""));
  CHECK(Has(page, "src=\"?picture=320/holiday/my%20cat.webp\""));
  CHECK_FALSE(Has(page, "notes.txt"));
  CHECK_FALSE(Has(page, "half.jpg"));
  CHECK_FALSE(Has(page, ".part-"));
}

TEST_CASE("a picture comes as what it is, not as what it is called", "[contact_sheet]") {
  Thumbs thumbs;
  thumbs.Store("really a png.jpg", "\x89PNG\r\n\x1a\n...");
  const json picture = thumbs.Get({{"picture", "really a png.jpg"}});
  CHECK(picture.at("statusCode") == 200);
  CHECK(picture.at("headers").at("content-type") == "image/png");
  CHECK(picture.at("isBase64Encoded") == true);
  thumbs.Store("page.jpg", "<script>alert(1)</script>");
  CHECK(thumbs.Get({{"picture", "page.jpg"}}).at("statusCode") == 415);
}

TEST_CASE("names cannot bring their own markup", "[contact_sheet]") {
  Thumbs thumbs;
  thumbs.Store("\"><script>alert('x')<&.jpg");
  const json page = thumbs.Get();
  CHECK_FALSE(Has(page, "<script"));
  CHECK(Has(page, "&quot;&gt;&lt;script&gt;alert('x')&lt;&amp;.jpg"));
  CHECK(
      page.at("headers").at("content-security-policy").get<std::string>().starts_with("default-src 'none'"));
}

TEST_CASE("a key that leads out of the bucket, or through a link, is no picture", "[contact_sheet]") {
  Thumbs thumbs;
  std::ofstream(thumbs.root / "secret.jpg") << kJpeg;
  fs::create_symlink(thumbs.root / "secret.jpg", thumbs.root / "thumbs/link.jpg");
  for (const char* key : {"../secret.jpg", "/etc/passwd", "link.jpg", "", "missing.jpg", "."}) {
    INFO(key);
    CHECK(thumbs.Get({{"picture", key}}).at("statusCode") == 404);
  }
  CHECK_FALSE(Has(thumbs.Get(), "link.jpg"));
}

TEST_CASE("a hundred pictures a page, then a link to the next", "[contact_sheet]") {
  Thumbs thumbs;
  for (int n = 100; n < 200; ++n) thumbs.Store(std::to_string(n) + ".jpg");
  CHECK_FALSE(Has(thumbs.Get(), "?after="));
  thumbs.Store("200.jpg");
  const json first = thumbs.Get();
  CHECK(Has(first, "?after=199.jpg"));
  CHECK_FALSE(Has(first, "200.jpg"));
  const json second = thumbs.Get({{"after", "199.jpg"}});
  CHECK(Has(second, "200.jpg"));
  CHECK_FALSE(Has(second, "?after="));
}

TEST_CASE("a picture at the size that is shown and one past it", "[contact_sheet]") {
  Thumbs thumbs;
  thumbs.Store("at.jpg", kJpeg + std::string((3 << 20) - kJpeg.size(), 'x'));
  thumbs.Store("past.jpg", kJpeg + std::string((3 << 20) - kJpeg.size() + 1, 'x'));
  CHECK(thumbs.Get({{"picture", "at.jpg"}}).at("statusCode") == 200);
  CHECK(thumbs.Get({{"picture", "past.jpg"}}).at("statusCode") == 413);
}

TEST_CASE("only GET, and an empty bucket says so", "[contact_sheet]") {
  Thumbs thumbs;
  CHECK(thumbs.Get({}, "DELETE").at("statusCode") == 405);
  CHECK(Has(thumbs.Get(), "No pictures yet"));
}

TEST_CASE("without a bucket it says which variable", "[contact_sheet]") {
  Thumbs thumbs;
  ::setenv("BUCKET", "", 1);
  const auto result = Runner(hearth_function()).Invoke(SampleHttpEvent("GET", "/").dump());
  REQUIRE_FALSE(result.ok());
  CHECK(result.failure->type == "Configuration");
  CHECK(result.failure->message.starts_with("BUCKET"));
}
