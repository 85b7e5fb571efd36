#pragma once

#include <fcntl.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

namespace hearth {

// A folder of the test's own; gone with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-bucket-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = std::filesystem::canonical(name);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Opened, written, closed.
inline void WriteWhole(const std::filesystem::path& path, std::string_view text) {
  auto fd = OpenFile(path.string(), O_WRONLY | O_CREAT | O_TRUNC);
  REQUIRE(fd.ok());
  REQUIRE(WriteAll(fd->get(), text).ok());
}

}  // namespace hearth
