#include "runtime/worker/library_inspector.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

const std::string kProbe = std::string(HEARTH_PROBE_DIR) + "/libprobe.so";
const std::string kNeedy =
    std::string(HEARTH_PROBE_DIR) + "/libneedy.so";  // needs libhelper.so and its version HELPER_2
const std::string kHelper = std::string(HEARTH_PROBE_DIR) + "/libhelper.so";
const std::string kOldHelper = std::string(HEARTH_PROBE_DIR) + "/old/libhelper.so";  // has HELPER_1 only

// An unpacked package in a folder of its own.
struct Package {
  Package() {
    folder = (fs::temp_directory_path() / "hearth-package-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    fs::create_directory(folder + "/lib");
  }
  ~Package() { fs::remove_all(folder); }
  void Put(const std::string& file, const std::string& where = "") {
    fs::copy_file(file, folder + "/" + where + fs::path(file).filename().string());
  }
  Result<LibraryInspection> Inspect(const std::string& library) const {
    return InspectLibrary(folder + "/" + library, SearchOfThisHost({folder}));
  }
  std::string folder;
};

TEST_CASE("a library that needs only the system is fine", "[inspector]") {
  Package package;
  package.Put(kProbe);
  const auto inspection = package.Inspect("libprobe.so");
  REQUIRE(inspection.ok());
  CHECK(inspection->problems.empty());
  CHECK(inspection->open_first.empty());
}

TEST_CASE("every missing library is named", "[inspector]") {
  Package package;
  package.Put(kNeedy);
  const auto inspection = package.Inspect("libneedy.so");
  REQUIRE(inspection.ok());
  REQUIRE(inspection->problems.size() == 1);
  CHECK_THAT(inspection->problems[0],
             Catch::Contains("library libhelper.so, needed by libneedy.so, was not found"));
}

TEST_CASE("a library of the package is found in lib/ and opened first", "[inspector]") {
  Package package;
  package.Put(kNeedy);
  package.Put(kHelper, "lib/");
  const auto inspection = package.Inspect("libneedy.so");
  REQUIRE(inspection.ok());
  CHECK(inspection->problems.empty());
  CHECK(inspection->open_first == std::vector<std::string>{package.folder + "/lib/libhelper.so"});
}

TEST_CASE("a missing symbol version is named", "[inspector]") {
  Package package;
  package.Put(kNeedy);
  package.Put(kOldHelper);
  const auto inspection = package.Inspect("libneedy.so");
  REQUIRE(inspection.ok());
  REQUIRE(inspection->problems.size() == 1);
  CHECK_THAT(inspection->problems[0], Catch::Contains("symbol version HELPER_2 is missing in libhelper.so"));
}

TEST_CASE("a file that is no library, and none at all", "[inspector]") {
  Package package;
  REQUIRE(WriteFileAtomically(package.folder + "/libtext.so", "text").ok());
  CHECK(package.Inspect("libtext.so").error().message == "not an ELF shared object");
  CHECK_FALSE(package.Inspect("libnone.so").ok());
  REQUIRE(WriteFileAtomically(package.folder + "/libempty.so", "").ok());
  CHECK_THAT(package.Inspect("libempty.so").error().message, Catch::Contains("empty"));
}

TEST_CASE("the loader's cache is read, and only as far as it is true", "[inspector]") {
  const auto real = ReadFile("/etc/ld.so.cache");
  REQUIRE(real.ok());
  const auto cache = ReadLdCache(*real);
  REQUIRE(cache.count("libc.so.6") == 1);
  CHECK(PathExists(cache.at("libc.so.6")));
  CHECK(ReadLdCache("").empty());
  for (size_t size = 0; size < real->size(); size += 97) {
    CHECK(ReadLdCache(std::string(real->data(), size)).size() <= cache.size());
  }
}

}  // namespace
}  // namespace hearth
