#pragma once

#include <string>

#include "runtime/base/process.h"
#include "runtime/base/result.h"

namespace hearth::cli {

// A hearthd of this command's own: on free ports, in a folder that goes with it.
//
// Owns:    process and folder. Ends and removes both in the destructor.
// Failure: what it said stands on our stderr.
class OwnDaemon final {
 public:
  // The program hearthd beside this one. Blocks until it is ready, kReadyMax at most.
  static Result<OwnDaemon> Start();
  OwnDaemon(OwnDaemon&& other) noexcept = default;
  OwnDaemon& operator=(OwnDaemon&&) = delete;
  ~OwnDaemon();
  const std::string& url() const { return url_; }

 private:
  OwnDaemon() = default;

  std::string folder_, url_;
  ChildProcess process_;
};

}  // namespace hearth::cli
