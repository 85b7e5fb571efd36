#include "runtime/worker/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include <catch2/catch.hpp>
#include <zip.h>

#include "runtime/base/files.h"
#include "tests/unit/runtime/worker/launcher_fixture.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kFile = S_IFREG | 0644;

// Makes a zip entry by entry, in a folder of its own with an empty one to unpack into.
struct ZipFixture {
  ZipFixture() {
    folder = (fs::temp_directory_path() / "hearth-zip-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    fs::create_directory(folder + "/out");
    fs::permissions(folder, fs::perms(0755));
    fs::permissions(folder + "/out", fs::perms(0777));
  }
  ~ZipFixture() { fs::remove_all(folder); }

  void Add(const std::string& name, const std::string& text, uint32_t mode = kFile) {
    contents.push_back(std::make_unique<std::string>(text));
    int error = 0;
    zip_t* zip = zip_open((folder + "/a.zip").c_str(), ZIP_CREATE, &error);
    REQUIRE(zip != nullptr);
    zip_source_t* source = zip_source_buffer(zip, contents.back()->data(), contents.back()->size(), 0);
    const zip_int64_t index = zip_file_add(zip, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    REQUIRE(index >= 0);
    zip_file_set_external_attributes(zip, static_cast<zip_uint64_t>(index), 0, ZIP_OPSYS_UNIX, mode << 16);
    REQUIRE(zip_close(zip) == 0);
  }
  // A name that libzip would not write: the same number of bytes, replaced wherever it stands.
  void Rename(const std::string& from, const std::string& to) {
    REQUIRE(from.size() == to.size());
    std::string bytes = ReadFile(folder + "/a.zip").value();
    for (size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at))
      bytes.replace(at, to.size(), to);
    REQUIRE(WriteFileAtomically(folder + "/a.zip", bytes).ok());
  }
  // The bit of its first entry that says so, in both places where it stands.
  void MarkEncrypted() {
    std::string bytes = ReadFile(folder + "/a.zip").value();
    bytes[bytes.find("PK\x03\x04") + 6] |= 1;
    bytes[bytes.find("PK\x01\x02") + 8] |= 1;
    REQUIRE(WriteFileAtomically(folder + "/a.zip", bytes).ok());
  }
  // Its first entry's packed size, as the zip has it.
  uint64_t Packed() const {
    int error = 0;
    zip_t* zip = zip_open((folder + "/a.zip").c_str(), ZIP_RDONLY, &error);
    zip_stat_t info;
    REQUIRE(zip_stat_index(zip, 0, 0, &info) == 0);
    zip_discard(zip);
    return info.comp_size;
  }
  UniqueFd Zip() const { return UniqueFd(open((folder + "/a.zip").c_str(), O_RDONLY | O_CLOEXEC)); }
  UniqueFd Out() const {
    return UniqueFd(open((folder + "/out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  std::string Unpack(uint64_t bytes_max = 50u << 20, uint32_t entries_max = 100) const {
    return UnpackInto(Zip().get(), Out().get(), bytes_max, entries_max);
  }
  unsigned ModeOf(const std::string& name) const {
    struct stat info {};
    REQUIRE(lstat((folder + "/out/" + name).c_str(), &info) == 0);
    return info.st_mode & 07777;
  }

  std::string folder;
  std::vector<std::unique_ptr<std::string>> contents;
};

TEST_CASE("files and folders are unpacked", "[unpack]") {
  ZipFixture f;
  f.Add("libx.so", "code", S_IFREG | 0755);
  f.Add("lib/", "", S_IFDIR | 0755);
  f.Add("lib/deep/er/data", "data", S_IFREG | 0600);
  CHECK(f.Unpack().empty());
  CHECK(ReadFile(f.folder + "/out/lib/deep/er/data").value() == "data");
  CHECK(f.ModeOf("libx.so") == 0755);
  CHECK(f.ModeOf("lib/deep/er/data") == 0644);
  CHECK(f.ModeOf("lib/deep") == 0755);
}

TEST_CASE("entries that reach out or pretend are refused by name", "[unpack]") {
  ZipFixture f;
  SECTION("a symbolic link") {
    f.Add("link", "/etc/shadow", S_IFLNK | 0777);
    CHECK(f.Unpack() == "entry \"link\": it is a symbolic link");
  }
  SECTION("a device") {
    f.Add("dev", "", S_IFCHR | 0666);
    CHECK(f.Unpack() == "entry \"dev\": it is neither a file nor a folder");
  }
  SECTION("a disk, a pipe, a socket") {
    const uint32_t kind = GENERATE(uint32_t{S_IFBLK}, uint32_t{S_IFIFO}, uint32_t{S_IFSOCK});
    f.Add("odd", "", kind | 0666);
    CHECK(f.Unpack() == "entry \"odd\": it is neither a file nor a folder");
    CHECK_FALSE(PathExists(f.folder + "/out/odd"));
  }
  SECTION("a symbolic link to write through") {
    f.Add("way", "/tmp", S_IFLNK | 0777);
    f.Add("way/evil", "x");
    CHECK(f.Unpack() == "entry \"way\": it is a symbolic link");
  }
  SECTION("set-user-id, set-group-id, of a file or a folder") {
    const uint32_t mode = GENERATE(uint32_t{S_IFREG | S_ISUID | 0755}, uint32_t{S_IFREG | S_ISGID | 0755},
                                   uint32_t{S_ISUID | 0755}, uint32_t{S_IFDIR | S_ISGID | 0755});
    const std::string name = S_ISDIR(mode) ? "su/" : "su";
    f.Add(name, S_ISDIR(mode) ? "" : "x", mode);
    CHECK(f.Unpack() == "entry \"" + name + "\": it is set-user-id or set-group-id");
  }
  SECTION("an encrypted one") {
    f.Add("secret", "x");
    f.MarkEncrypted();
    CHECK(f.Unpack() == "entry \"secret\": it is encrypted");
  }
  SECTION("a way up") {
    f.Add("xx/evil", "x");
    f.Rename("xx/evil", "../evil");
    CHECK_THAT(f.Unpack(), Catch::Contains("\"../evil\"") && Catch::Contains("\"..\""));
    CHECK_FALSE(PathExists(f.folder + "/evil"));
  }
  SECTION("an absolute name") {
    f.Add("xtmp/evil", "x");
    f.Rename("xtmp/evil", "/tmp/evil");
    CHECK_THAT(f.Unpack(), Catch::Contains("absolute"));
  }
  SECTION("the same name twice") {
    f.Add("one", "1");
    f.Add("two", "2");
    f.Rename("two", "one");
    CHECK(f.Unpack() == "the zip has two entries of one name");
  }
  SECTION("the same name as file and folder") {
    f.Add("one", "1");
    f.Add("one/", "", S_IFDIR | 0755);
    CHECK(f.Unpack() == "entry \"one/\": the name comes twice");
  }
  SECTION("a file where a folder must be") {
    f.Add("a", "1");
    f.Add("a/b", "2");
    CHECK_THAT(f.Unpack(), Catch::Contains("entry \"a/b\""));
  }
}

TEST_CASE("limits hold at the limit and one past it", "[unpack]") {
  ZipFixture f;
  f.Add("a", std::string(1000, 'a'));
  f.Add("b", std::string(1000, 'b'));
  SECTION("bytes") { CHECK(f.Unpack(2000, 2).empty()); }
  SECTION("a byte past") {
    CHECK_THAT(f.Unpack(1999, 2), Catch::Contains("entry \"b\"") && Catch::Contains("1999 bytes"));
  }
  SECTION("an entry past") { CHECK(f.Unpack(2000, 1) == "the zip has 2 entries, the limit is 1"); }
}

TEST_CASE("a bomb is refused before it is all there", "[unpack]") {
  ZipFixture f;
  f.Add("zeros", std::string(40u << 20, '\0'));
  CHECK_THAT(f.Unpack(), Catch::Contains("entry \"zeros\"") && Catch::Contains("times its packed size"));
}

TEST_CASE("growth is looked at past ten MiB only, and by entry", "[unpack]") {
  ZipFixture f;
  constexpr size_t kFine = 10u << 20;
  SECTION("zeros of ten MiB") {
    f.Add("zeros", std::string(kFine, '\0'));
    REQUIRE(kFine / f.Packed() > 200);
    CHECK(f.Unpack().empty());
  }
  SECTION("a byte more") {
    f.Add("zeros", std::string(kFine + 1, '\0'));
    CHECK(f.Unpack() == "entry \"zeros\": it unpacks to more than 200 times its packed size");
  }
  SECTION("what does not pack that well") {
    // Of 160 bytes one that cannot be guessed: some 1:60.
    std::string text(kFine + 65536, '\0');
    uint32_t next = 1;
    for (size_t i = 0; i < text.size(); i += 160)
      text[i] = static_cast<char>((next = next * 1664525 + 1013904223) >> 24);
    f.Add("sparse", text);
    REQUIRE(text.size() / f.Packed() < 200);
    CHECK(f.Unpack().empty());
  }
  SECTION("many small bombs stay below the limit of all bytes") {
    for (const char* name : {"a", "b", "c", "d", "e", "f"}) f.Add(name, std::string(kFine, '\0'));
    CHECK_THAT(f.Unpack(), Catch::Contains("entry \"f\"") && Catch::Contains("the limit"));
  }
}

TEST_CASE("what is no zip, or a cut one", "[unpack]") {
  ZipFixture f;
  f.Add("a", "text");
  const std::string whole = ReadFile(f.folder + "/a.zip").value();
  for (size_t size = 0; size < whole.size(); ++size) {
    REQUIRE(WriteFileAtomically(f.folder + "/a.zip", whole.substr(0, size)).ok());
    REQUIRE_FALSE(f.Unpack().empty());
  }
}

TEST_CASE("names", "[unpack]") {
  for (const char* fine : {"a", "a/b", "a/", "..a", "a..b/c"}) CHECK(CheckEntryName(fine).empty());
  for (const char* bad : {"", "/", "/a", "a//b", "..", "a/..", "../a", "./a", "a\\b", "a\nb", "\x7f"}) {
    INFO(bad);
    CHECK_FALSE(CheckEntryName(bad).empty());
  }
  // At the limit and one past it: of a part, of all.
  CHECK(CheckEntryName(std::string(255, 'a') + "/b").empty());
  CHECK(CheckEntryName(std::string(256, 'a') + "/b") == "a part of its name is longer than 255 bytes");
  const std::string part(255, 'a');
  const std::string longest = part + "/" + part + "/" + part + "/" + part + "/";
  REQUIRE(longest.size() == 1024);
  CHECK(CheckEntryName(longest).empty());
  CHECK(CheckEntryName(longest + "a") == "its name is longer than 1024 bytes");
}

TEST_CASE("the launcher unpacks in a confined child", "[unpack][launcher]") {
  const As as = GENERATE(As::kRoot, As::kNobody);
  if (as == As::kRoot && !RunsAsRoot()) return;
  TestLauncher launcher(as);
  ZipFixture f;
  f.Add("lib/x", "text");
  CHECK(launcher.Unpack(f.Zip().get(), f.Out().get(), 1000, 10).empty());
  CHECK(ReadFile(f.folder + "/out/lib/x").value() == "text");
  f.Add("link", "/etc", S_IFLNK | 0777);
  CHECK(launcher.Unpack(f.Zip().get(), f.Out().get(), 1000, 10) == "entry \"lib/x\": make file: File exists");
  fs::remove_all(f.folder + "/out/lib");
  CHECK(launcher.Unpack(f.Zip().get(), f.Out().get(), 1000, 10) == "entry \"link\": it is a symbolic link");
}

}  // namespace
}  // namespace hearth
