#pragma once

#include <cstdlib>
#include <string>

#include "runtime/base/check.h"
#include "runtime/base/files.h"

namespace hearth {

// A folder of its own for one test, removed with everything in it.
class TemporaryFolder final {
 public:
  explicit TemporaryFolder(const std::string& in = "/tmp") : path_(in + "/hearth-store-XXXXXX") {
    CHECK_TRUE(::mkdtemp(path_.data()) != nullptr);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { (void)RemoveTree(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace hearth
