#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include <hearth/abi.h>

#include "runtime/base/unique_fd.h"
#include "runtime/wire/body_window.h"
#include "runtime/wire/event_lane.h"
#include "runtime/wire/launcher_frames.h"
#include "runtime/wire/worker_frames.h"
#include "runtime/worker/answer_text.h"
#include "runtime/worker/lent_file.h"
#include "runtime/worker/worker_process.h"
#include "sandbox/steps.h"

namespace hearth {

// Limits of what one invocation may say. A longer log message is cut, longer fields are left out, since half
// of a JSON object is none. The limit of a response is hearthd's (--response-bytes-max); this is the most
// that can be set there.
inline constexpr size_t kResponseBytesMax = 1'073'741'824;
inline constexpr size_t kLogMessageBytesMax = 32 * 1024;
inline constexpr size_t kLogFieldsBytesMax = 16 * 1024;
inline constexpr size_t kErrorTextBytesMax = 16 * 1024;  // type, message and stack each
inline constexpr size_t kCallNameBytesMax = 1024;  // function, qualifier and content type of a call, each
inline constexpr size_t kPayloadBytesMax = 256u << 20;  // sanity only: hearthd has checked it

struct HandlerFacts {
  std::string function_name;
  std::string function_version;
  uint64_t memory_bytes = 0;
  size_t response_bytes_max = kResponseBytesMax;
  bool snap_start = false;  // its init runs in a process that is then copied
};

// The worker's side of the handler ABI: takes frames from the channel, calls the library's functions, sends
// what they answer. One per worker process.
// Thread:  main thread; `log` and `remaining_time_ns` may be called from any.
// States:  Run(): started -> (Init) initialised -> any number of (Invoke) -> (Shutdown or end of file) ->
//          _exit(0).
class HandlerHost final {
 public:
  HandlerHost(int channel, const hearth_function& functions, HandlerFacts facts);
  HandlerHost(const HandlerHost&) = delete;
  HandlerHost& operator=(const HandlerHost&) = delete;

  [[noreturn]] void Run(uint32_t confine_us);

  // With SnapStart, in the process that is then copied, in place of Run(): over `channel`, until it returns, waits for
  // hearthd's Init, then runs init and before_checkpoint; from then on Init means after_restore. What went wrong is told
  // over `channel` too, as it is in a worker. `stages` hears where it is. SayReady() is left to the caller, who may still
  // find that it cannot be copied: Refuse().
  std::optional<StageFailure> RunToSnapshot(int channel, StepObserver& stages);
  void SayReady() { Send(EncodeEmpty(WorkerFrameKind::kReady)); }
  StageFailure Refuse(std::string_view stage, ErrorFrame error);
  // The snapshot is taken: what comes next is said by copies, over a worker's channel.
  void BecomeOriginal() { channel_ = kWorkerChannel; }

  // What Run() does with one packet; false: the worker is to end. For tests, which have no process to lose.
  bool Handle(Packet& packet);
  // The same with the next packet that there is; waits for it.
  bool HandleNext();

 private:
  enum class Call { kNone, kInit, kBeforeCheckpoint, kAfterRestore, kInvoke, kShutdown };
  static const char* NameOf(Call call);
  static bool MayFail(Call call) { return call != Call::kNone && call != Call::kShutdown; }

  bool Init();
  int RunInit();
  int RunHook(Call call);
  void AwaitInit();
  bool Invoke(uint64_t sequence, std::string_view body, uint32_t flags, Packet& packet);
  bool TakeMemory(const InvokeFrame& frame, Packet& packet);
  bool TakeFromLane();
  bool HandleReceived(Result<ReceivedPacket> received);
  void SleepForLane();
  void Shutdown();
  void AwaitOutputTaken();
  ReplyFrame AwaitReply();
  void SendResponse(uint64_t sequence, uint32_t flags);
  bool AnswerInLane(uint64_t sequence, std::string_view packet, uint32_t flags);
  void SendChunks();
  void SendFailure(WorkerFrameKind kind, uint64_t sequence, Call failed, int returned, uint32_t flags = 0);
  void ExplainReturn(Call failed, int returned);
  void Send(std::string_view packet, std::string_view memfd_body = {});
  void Begin(Call call);
  bool OnMainThreadIn(Call call) const;

  // The functions of hearth_host; `opaque` is this.
  static HandlerHost& Of(const hearth_host* host) { return *static_cast<HandlerHost*>(host->opaque); }
  static void OnLog(const hearth_host* host, uint32_t level, hearth_bytes message, hearth_bytes fields);
  static int64_t OnRemainingTime(const hearth_host* host);
  static int OnWrite(const hearth_host* host, hearth_bytes bytes);
  static int OnContentType(const hearth_host* host, hearth_bytes type);
  static int OnFlush(const hearth_host* host);
  static int OnCall(const hearth_host* host, const hearth_call* call, hearth_reply* reply);
  static int OnFail(const hearth_host* host, hearth_bytes type, hearth_bytes message, hearth_bytes stack);

  int channel_;
  const hearth_function& functions_;
  const HandlerFacts facts_;
  const uint32_t log_level_;  // lines below it are not sent
  const std::thread::id main_thread_;
  hearth_host host_{};

  std::atomic<uint64_t> sequence_{0};  // of the invocation that runs; 0: none
  uint64_t last_sequence_ = 0;         // of the invocation before
  std::atomic<int64_t> deadline_ns_{0};
  std::atomic<Call> call_{Call::kNone};
  void* state_ = nullptr;
  bool initialised_ = false;
  bool copied_ = false;  // init has run before this process was there
  InvokeFrame event_;    // this one and the packet keep the memory of those before
  Packet from_lane_;
  AnswerText response_;
  MappedBodyWindow window_;    // none until hearthd brings one
  bool window_given_ = false;  // for the answer of this invocation
  MappedEventLane lane_;       // none until hearthd brings one
  int64_t began_ns_ = 0;       // this invocation, where the lane is given
  bool lane_given_ = false;    // for the answer of this invocation, and what comes behind it
  bool packet_lies_ = false;   // in the channel, as far as is known; without a lane it is simply waited for
  std::atomic<bool> told_{
      false};  // something was sent since the invocation began: its answer comes behind that
  bool response_too_large_ = false;
  bool streamed_ = false;      // the answer of this invocation may go in pieces
  bool stream_begun_ = false;  // some of it has gone
  size_t response_sent_ = 0;   // of it, in pieces
  std::string content_type_;
  ReplyFrame reply_;          // to the last call of this invocation
  bool output_lies_ = false;  // what was printed before the last answer, as far as is known
  std::deque<Packet> ahead_;  // events that came while a reply was waited for
  ErrorFrame error_;
  bool failed_ = false;
};

// Lines of text as a JSON array of strings, the form in which a stack travels.
std::string LinesAsJson(std::string_view lines);

}  // namespace hearth
