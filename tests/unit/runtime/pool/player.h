#pragma once

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/files.h"
#include "runtime/wire/body_window.h"
#include "runtime/wire/event_lane.h"
#include "runtime/wire/worker_frames.h"

namespace hearth {

// The worker's side of a channel, in a process of its own that follows a script and then exits. It must not
// fail checks of the test: it only acts.
class Player {
 public:
  Player(int channel, int out, int err, int go) : channel_(channel), out_(out), err_(err), go_(go) {}

  void Say(const std::string& packet, const std::vector<int>& fds = {}) {
    if (!SendPacket(channel_, packet, fds).ok()) ::_exit(0);
  }
  // Past the checks of SendPacket().
  void SayRaw(const std::string& bytes, const std::vector<int>& fds = {}) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
    }
    (void)::sendmsg(channel_, &message, MSG_NOSIGNAL);
  }
  // The next packet; the script ends with the channel.
  Packet Hear() {
    auto received = ReceivePacket(channel_, FdPolicy::kAccept);
    if (!received.ok() || received->kind != ReceivedPacket::Kind::kPacket) ::_exit(0);
    return std::move(received->packet);
  }
  void Started() { Say(EncodeStarted({})); }
  void Initialise() {
    Hear();
    Say(EncodeEmpty(WorkerFrameKind::kReady));
  }
  // Started, initialised, and with the first event in hand.
  InvokeFrame BecomeBusy() {
    Started();
    Initialise();
    return HearInvoke();
  }
  // The next event, wherever it comes.
  InvokeFrame HearInvoke() {
    while (has_lane_) {
      if (auto event = TakeFromLane()) return *event;
      if (packet_lies_) {
        auto received = ReceivePacket(channel_, FdPolicy::kAccept, Waiting::kNever);
        if (!received.ok() || received->kind == ReceivedPacket::Kind::kEndOfFile) ::_exit(0);
        if (received->kind == ReceivedPacket::Kind::kPacket) return TakeInvoke(std::move(received->packet));
        packet_lies_ = false;
      }
      lane_.BeginSleep();
      if (!lane_.HasEvent(sequence_ + 1)) AwaitRing();
      lane_.EndSleep();
    }
    return TakeInvoke(Hear());
  }
  void AwaitRing() {
    const auto rung = lane_.AwaitRing();
    packet_lies_ = rung == MappedEventLane::Rung::kForPacket;
    has_lane_ = rung != MappedEventLane::Rung::kGone;
  }
  // How often hearthd has rung that it has not heard.
  int UnheardRings() const {
    int rings = -1;
    return ::ioctl(lane_.bell_fd(), FIONREAD, &rings) == 0 ? rings : -1;
  }
  InvokeFrame TakeInvoke(Packet packet) {
    std::string_view body;
    const auto header = TakeHeader(packet.bytes, body);
    sequence_ = header->sequence;
    auto frame = DecodeInvoke(body, header->flags);
    if (frame->new_window) {
      window_ = std::move(MappedBodyWindow::Map(std::move(packet.fds.at(0)))).value();
      packet.fds.erase(packet.fds.begin());
      ++windows_;
    }
    if (frame->new_lane) {
      lane_ = std::move(MappedEventLane::Map(std::span(packet.fds).first(kLaneFds))).value();
      packet.fds.erase(packet.fds.begin(), packet.fds.begin() + kLaneFds);
      ++lanes_;
      has_lane_ = packet_lies_ = true;
    }
    if (frame->bytes_in_window) frame->payload = window_.event().substr(0, *frame->bytes_in_window);
    if ((header->flags & kFlagBodyInMemfd) != 0) {
      frame->payload = std::move(ReadSealedBody(packet.fds.at(0).get(), 100 << 20)).value();
    }
    return *frame;
  }
  // The next event, out of the lane; empty: it is not there.
  std::optional<InvokeFrame> TakeFromLane() {
    const auto frame = lane_.TakeEvent(sequence_ + 1);
    if (!frame) return std::nullopt;
    ++sequence_;
    std::string_view body;
    const auto header = TakeHeader(*frame, body);
    return DecodeInvoke(body, header->flags);
  }
  static int64_t Now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
  void AnswerInLane(const std::string& payload, std::optional<int64_t> ended_ns = std::nullopt,
                    int64_t took_ns = 0) {
    PutInLane(sequence_, ResponsePacket(sequence_, payload), ended_ns.value_or(Now()), took_ns);
  }
  // And rings, as a worker does.
  void PutInLane(uint64_t sequence, const std::string& frame, int64_t ended_ns, int64_t took_ns = 0) {
    lane_.PutAnswer(sequence, frame, ended_ns, took_ns);
    if (lane_.MustRing()) Ring();
  }
  void Ring() { lane_.Ring(); }
  MappedEventLane& lane() { return lane_; }
  int lanes() const { return lanes_; }  // that came until now
  void Answer(const std::string& payload) { Say(ResponsePacket(sequence_, payload)); }
  void AnswerInMemfd(const std::vector<int>& fds) {
    std::string packet;
    EncodeResponse(sequence_, "text/plain", std::string(kInlineBytesMax + 1, 'x'), packet);
    Say(packet, fds);
  }
  void AnswerInWindow(std::string_view payload) {
    std::copy(payload.begin(), payload.end(), window_.answer().data());
    SayAnswerInWindow(payload.size());
  }
  void SayAnswerInWindow(uint64_t bytes, uint32_t flags = 0, const std::vector<int>& fds = {}) {
    std::string packet;
    EncodeResponseInWindow(sequence_, "text/plain", bytes, packet, flags);
    Say(packet, fds);
  }
  void Print(std::string_view text) { (void)WriteAll(out_, text); }
  void Complain(std::string_view text) { (void)WriteAll(err_, text); }
  // Until the test says Go().
  void AwaitGo() {
    char byte;
    if (::read(go_, &byte, 1) != 1) ::_exit(0);
  }
  // A process that holds our end of the channel until hearthd closes its own.
  void LeaveAnotherBehind() {
    if (::fork() != 0) return;
    for (;;) Hear();
  }
  // Until the test says Continue(), which may wait for this with AwaitStopped().
  void StopOnce() { ::raise(SIGSTOP); }
  // Until the worker is ended.
  void Wait() {
    for (;;) ::pause();
  }
  uint64_t sequence() const { return sequence_; }
  MappedBodyWindow& window() { return window_; }
  int windows() const { return windows_; }  // that came until now

  static std::string ResponsePacket(uint64_t sequence, const std::string& payload, uint32_t flags = 0) {
    std::string packet;
    EncodeResponse(sequence, "application/json", payload, packet, flags);
    return packet;
  }

 private:
  const int channel_, out_, err_, go_;
  uint64_t sequence_ = 0;
  int windows_ = 0;
  MappedBodyWindow window_;
  MappedEventLane lane_;
  int lanes_ = 0;
  bool has_lane_ = false;
  bool packet_lies_ = false;
};

}  // namespace hearth
