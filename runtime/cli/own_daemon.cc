#include "runtime/cli/own_daemon.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/base/files.h"
#include "runtime/base/units.h"
#include "runtime/cli/session.h"

namespace hearth::cli {
namespace {

constexpr milliseconds kReadyMax{30'000};
constexpr milliseconds kLook{5};

std::vector<std::string> OurEnvironment() {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  return all;
}

}  // namespace

Result<OwnDaemon> OwnDaemon::Start() {
  std::error_code failure;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failure);
  if (failure) return ErrnoError("read /proc/self/exe", failure.value());
  const std::string program = (self.parent_path() / "hearthd").string();
  if (!PathExists(program))
    return Error{ErrorCode::kMisconfigured, "hearthd is not beside " + self.string() + ": install both"};
  char scratch[] = "/tmp/hearth-dev-XXXXXX";
  if (::mkdtemp(scratch) == nullptr) return ErrnoError("make a folder in /tmp");
  OwnDaemon daemon;
  daemon.folder_ = scratch;
  // Functions run as users of their own, and must get to their code.
  std::filesystem::permissions(scratch, std::filesystem::perms(0755), failure);
  const std::string ready_file = daemon.folder_ + "/ready.json";
  SpawnOptions options;
  options.executable = program;
  options.arguments = {
      "--data-dir",  daemon.folder_ + "/data", "--data-listen", "127.0.0.1:0", "--control-listen",
      "127.0.0.1:0", "--ready-file",           ready_file,      "--log-level", "warn"};
  options.environment = OurEnvironment();
  HEARTH_ASSIGN(daemon.process_, Spawn(options));
  for (milliseconds waited{0}; !PathExists(ready_file); waited += kLook) {
    pollfd ended{daemon.process_.pidfd(), POLLIN, 0};
    if (::poll(&ended, 1, static_cast<int>(kLook.count())) > 0)
      return Error{ErrorCode::kUnavailable, "hearthd ended before it was ready; what it said stands above"};
    if (waited > kReadyMax)
      return Error{ErrorCode::kTimedOut, "hearthd was not ready within " + std::to_string(kReadyMax.count()) +
                                             " ms; what it said stands above"};
  }
  HEARTH_ASSIGN(const std::string text, ReadFile(ready_file));
  HEARTH_ASSIGN(const Json ready, ParseJson(text, ready_file));
  daemon.url_ = "http://127.0.0.1:" + TextOf(ready, "control_port");
  return daemon;
}

OwnDaemon::~OwnDaemon() {
  if (process_.valid()) {
    (void)process_.Signal(SIGTERM);
    (void)process_.Wait();
  }
  if (!folder_.empty()) (void)RemoveTree(folder_);
}

}  // namespace hearth::cli
