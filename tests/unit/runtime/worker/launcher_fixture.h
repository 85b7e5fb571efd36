#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/process.h"
#include "runtime/wire/launcher_frames.h"
#include "runtime/wire/packet.h"
#include "runtime/wire/worker_frames.h"

namespace hearth {

// Whom the launcher runs as.
enum class As { kRoot, kNobody };

// What an invocation came to: an answer, an error, or the end of the channel.
struct Answer {
  enum class Kind { kResponse, kFailure, kGone } kind = Kind::kGone;
  std::string text;  // the response, or the error's type
  std::vector<std::string> logs;
  std::optional<CrashFrame> crash;  // its last words
};

// One worker, as hearthd sees it.
struct TestWorker {
  uint64_t id = 0;
  UniqueFd channel;
  UniqueFd output;  // read end of its stdout and stderr
  uint64_t sequence = 0;

  // "started", "ready", or the error's type.
  std::string Init();
  Answer Invoke(const std::string& payload);
  std::string ReadOutput();
};

// A real launcher in a process of its own, and what hearthd would say to it. Every wait has a deadline, and
// fails the test.
class TestLauncher final {
 public:
  explicit TestLauncher(As as);
  ~TestLauncher();

  const HelloFrame& hello() const { return hello_; }

  // A fresh folder with copies of the named files, readable by all; removed with this.
  std::string Package(const std::vector<std::string>& files);
  static MakeSandboxFrame ASandbox(const std::string& folder, const std::string& library);
  // Makes it; `channel` is that of its init. The failure otherwise.
  std::optional<StageFailure> Make(const MakeSandboxFrame& request);
  // The one sandbox's stage failure must not happen.
  void MustMake(const MakeSandboxFrame& request);
  // A sandbox with its own worker, instead of one to fork from; or why not, in `failure`.
  TestWorker MakeWithWorker(MakeSandboxFrame request, const std::vector<int>& tasks,
                            std::optional<StageFailure>& failure);
  void KeepBlanks(uint32_t count);
  void AwaitBlanks(uint32_t count);  // ready
  // What the launcher said last of them.
  const BlanksFrame& blanks() const { return blanks_; }
  bool was_blank() const { return was_blank_; }  // the sandbox made last
  TestWorker Fork(const std::vector<int>& tasks = {});
  TestWorker ForkAndInit(const std::vector<int>& tasks = {});
  WorkerExitedFrame WaitForExit(const TestWorker& worker);
  void Kill(uint64_t sandbox_id);
  void WaitForGone(uint64_t sandbox_id);
  std::string Unpack(int zip, int folder, uint64_t bytes_max, uint32_t entries_max);

  UniqueFd TakeInit() { return std::move(init_channel_); }
  int init_channel() const { return init_channel_.get(); }
  ChildProcess& process() { return process_; }

 private:
  Packet NextOfLauncher();  // but for what it says of blanks
  std::optional<StageFailure> TakeMade();
  MakeSandboxFrame Complete(MakeSandboxFrame request) const;
  TestWorker NewWorker(UniqueFd& theirs, UniqueFd& write_end);

  As as_;
  BlanksFrame blanks_;
  bool was_blank_ = false;
  std::vector<std::string> folders_;
  UniqueFd control_;
  UniqueFd init_channel_;
  ChildProcess process_;
  HelloFrame hello_;
  uint64_t next_worker_ = 1;
};

// Waits for the next packet of `fd`, ten seconds at most. Empty at the end of file.
std::optional<Packet> NextPacket(int fd);
bool RunsAsRoot();

}  // namespace hearth
