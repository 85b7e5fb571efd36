#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include <catch2/catch.hpp>
#include <hearth/output_file.h>

namespace fs = std::filesystem;
using hearth::OutputFile;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/output_file_test_XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }

  fs::path operator/(const char* name) const { return path_ / name; }
  std::size_t CountFiles() const {
    return std::distance(fs::directory_iterator(path_), fs::directory_iterator());
  }

 private:
  fs::path path_;
};

std::string Read(const fs::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path).rdbuf();
  return bytes.str();
}

}  // namespace

TEST_CASE("an output file appears whole at commit", "[sdk][output]") {
  Folder folder;
  OutputFile file(folder / "a.txt");
  file.Write("one ");
  file.Write("two", 3);
  CHECK_FALSE(fs::exists(folder / "a.txt"));
  file.Commit();
  CHECK(Read(folder / "a.txt") == "one two");
  CHECK(folder.CountFiles() == 1);
}

TEST_CASE("an output file replaces the old one at commit only", "[sdk][output]") {
  Folder folder;
  std::ofstream(folder / "a.txt") << "old";
  OutputFile file(folder / "a.txt");
  file.Write("new");
  CHECK(Read(folder / "a.txt") == "old");
  file.Commit();
  CHECK(Read(folder / "a.txt") == "new");
}

TEST_CASE("an output file without commit leaves nothing", "[sdk][output]") {
  Folder folder;
  {
    OutputFile file(folder / "a.txt");
    file.Write("half");
    REQUIRE(folder.CountFiles() == 1);
  }
  CHECK(folder.CountFiles() == 0);
}

TEST_CASE("the temporary file is hidden and each writer has its own", "[sdk][output]") {
  Folder folder;
  OutputFile first(folder / "a.txt");
  OutputFile second(folder / "a.txt");
  CHECK(folder.CountFiles() == 2);
  for (const auto& entry : fs::directory_iterator(folder / ".")) {
    CHECK(entry.path().filename().string().starts_with('.'));
  }
}

TEST_CASE("folders on the way are made", "[sdk][output]") {
  Folder folder;
  OutputFile file(folder / "x/y/z.txt");
  file.Commit();
  CHECK(fs::is_regular_file(folder / "x/y/z.txt"));
}

TEST_CASE("a file cannot replace a folder", "[sdk][output]") {
  Folder folder;
  fs::create_directories(folder / "taken/inside");
  OutputFile file(folder / "taken");
  CHECK_THROWS_AS(file.Commit(), std::system_error);
  CHECK(fs::is_directory(folder / "taken"));
}
