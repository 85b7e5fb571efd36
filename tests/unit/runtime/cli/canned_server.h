#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/unique_fd.h"

namespace hearth::cli {

// A daemon that says what it was told to, one canned answer a connection, and keeps what it was asked.
class CannedServer final {
 public:
  // Each answer is the bytes of a whole HTTP response; "" closes without a word.
  explicit CannedServer(std::vector<std::string> answers) : answers_(answers.begin(), answers.end()) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_.get(), 16);
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~CannedServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // accept() returns
    thread_.join();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  static std::string Json(int status, const std::string& body, const std::string& headers = "") {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void Serve() {
    while (!answers_.empty()) {
      const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      const std::string request = ReadRequest(peer.get());
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      // In pieces of odd length, as a network may bring them.
      const std::string answer = answers_.front();
      answers_.pop_front();
      for (size_t at = 0; at < answer.size(); at += 7) {
        if (::send(peer.get(), answer.data() + at, std::min<size_t>(7, answer.size() - at), MSG_NOSIGNAL) < 0)
          break;
      }
    }
  }

  static std::string ReadRequest(int fd) {
    std::string request;
    char block[4096];
    for (;;) {
      const size_t head_end = request.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        const size_t length_at = request.find("Content-Length: ");
        if (request.size() >= head_end + 4 + std::stoul(request.substr(length_at + 16))) return request;
      }
      const ssize_t got = ::recv(fd, block, sizeof block, 0);
      if (got <= 0) return request;
      request.append(block, static_cast<size_t>(got));
    }
  }

  UniqueFd listener_;
  uint16_t port_ = 0;
  std::deque<std::string> answers_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace hearth::cli
