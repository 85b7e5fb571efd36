#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>

#include <catch2/catch.hpp>

#include "runtime/loop/listener.h"

namespace hearth {

// A loop, and verbs for what a test does with it. Nothing waits longer than kPatience: a test that would hang
// fails instead.
struct LoopFixture {
  static constexpr std::chrono::seconds kPatience{20};

  SystemClock clock;
  std::unique_ptr<Loop> loop = std::move(Loop::Create(clock)).value();
  const std::thread::id loop_thread = std::this_thread::get_id();

  // Turns the loop until `condition` holds.
  void RunUntil(const std::function<bool()>& condition) {
    bool impatient = false;
    const auto give_up = loop->After(kPatience, [&] { impatient = true; });
    while (!condition() && !impatient) {
      Timer tick = loop->After(std::chrono::milliseconds(1), [&] { loop->Stop(); });
      loop->Run();
    }
    REQUIRE(condition());
  }
  // Everything that is ready now has run, twice over.
  void RunSomeTurns() {
    for (int turn = 0; turn < 3; ++turn) {
      loop->Post([&] { loop->Stop(); });
      loop->Run();
    }
  }
};

// The other end of a connection: a plain blocking socket.
class PlainClient {
 public:
  explicit PlainClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      REQUIRE(n > 0);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  // What has arrived, without waiting; sets at_end() on end of file or reset.
  std::string Receive() {
    std::string out;
    char block[65536];
    for (;;) {
      const ssize_t n = ::recv(fd_.get(), block, sizeof block, MSG_DONTWAIT);
      if (n > 0) {
        out.append(block, static_cast<size_t>(n));
        continue;
      }
      if (n == 0) at_end_ = true;
      if (n < 0 && errno != EAGAIN) at_end_ = was_reset_ = true;
      return out;
    }
  }
  bool at_end() const { return at_end_; }
  bool was_reset() const { return was_reset_; }
  void FinishSending() { ::shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_.Reset(); }
  void Reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fd_.Reset();
  }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  bool at_end_ = false;
  bool was_reset_ = false;
};

}  // namespace hearth
