#pragma once

#include <cstdlib>
#include <string>

#include "runtime/base/check.h"
#include "runtime/base/files.h"

namespace hearth {

// A folder of its own for one test, removed with everything in it.
class TemporaryFolder final {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/hearth-store-XXXXXX";
    CHECK_TRUE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { (void)RemoveTree(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace hearth
