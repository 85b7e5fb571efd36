#include "runtime/cli/package.h"

#include <cstdlib>
#include <filesystem>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

namespace hearth::cli {
namespace {

class Folder final {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { CHECK(RemoveTree(path_).ok()); }
  std::string Put(const std::string& name, const std::string& text) const {
    REQUIRE(WriteFileAtomically(path_ + "/" + name, text).ok());
    return path_ + "/" + name;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

constexpr const char* kSettings =
    R"({"name":"greet","library":"libgreet.so","handler":"libgreet.so:go","memory_mib":256,"timeout_s":7})";

TEST_CASE("what hearth_add_function wrote tells everything", "[cli]") {
  Folder folder;
  folder.Put("libgreet.so", "ELF");
  const auto package = ReadPackage(folder.Put("greet.function.json", kSettings));
  REQUIRE(package.ok());
  CHECK(package->name == "greet");
  CHECK(package->handler == "libgreet.so:go");
  CHECK(package->bytes == "ELF");
  CHECK(package->memory_mib == 256);
  CHECK(package->timeout_s == 7);
  // The library alone finds it.
  CHECK(ReadPackage(folder.path() + "/libgreet.so")->timeout_s == 7);
}

TEST_CASE("a library alone is named by its file", "[cli]") {
  Folder folder;
  const auto package = ReadPackage(folder.Put("libgreet.so", "ELF"));
  REQUIRE(package.ok());
  CHECK(package->name == "greet");
  CHECK(package->handler == "libgreet.so");
  CHECK_FALSE(package->timeout_s.has_value());
}

TEST_CASE("a folder becomes a zip of what is in it", "[cli]") {
  if (!PathExists("/usr/bin/zip")) {
    WARN("not run: zip is missing (apt install zip)");
    return;
  }
  Folder folder;
  folder.Put("libgreet.so", "ELF");
  folder.Put("words.txt", "hello");
  const auto package = ReadPackage(folder.path());
  REQUIRE(package.ok());
  CHECK(package->bytes.starts_with("PK\x03\x04"));
  CHECK(package->bytes.find("words.txt") != std::string::npos);
  CHECK(package->bytes.find("hearth-test") == std::string::npos);
  CHECK(package->handler == "libgreet.so");
}

TEST_CASE("without zip a folder cannot be deployed, and that is said", "[cli]") {
  Folder folder;
  folder.Put("libgreet.so", "ELF");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder.path().c_str(), 1);
  const auto package = ReadPackage(folder.path());
  ::setenv("PATH", path.c_str(), 1);
  REQUIRE_FALSE(package.ok());
  CHECK(package.error().code == ErrorCode::kMisconfigured);
  CHECK(package.error().message.find("apt install zip") != std::string::npos);
}

TEST_CASE("what cannot be deployed is refused before anything is sent", "[cli]") {
  Folder folder;
  const auto refused = [](const std::string& path) {
    const auto package = ReadPackage(path);
    return !package.ok() && package.error().code == ErrorCode::kInvalidArgument;
  };
  CHECK(refused(folder.path() + "/nothing.so"));
  CHECK(refused(folder.Put("notes.txt", "x")));
  CHECK(refused(folder.Put("a.function.json", "{")));
  CHECK(refused(folder.Put("b.function.json", "[]")));
  CHECK(refused(folder.Put("c.function.json", R"({"name":"c"})")));
  CHECK(refused(folder.Put("greet.function.json", kSettings)));  // its library is not built
  folder.Put("CMakeCache.txt", "");
  CHECK(refused(folder.path()));
}

}  // namespace
}  // namespace hearth::cli
