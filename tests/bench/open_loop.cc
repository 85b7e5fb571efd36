// Asks one URL at a rate that does not wait for answers: each request has its moment, and its latency counts from that
// moment, whether or not a connection was free by then. So a server that stalls is seen to stall (no coordinated
// omission), which a generator that waits for its answers hides.
//
//   bench_open_loop PORT PATH REQUESTS_PER_SECOND SECONDS CONNECTIONS_MAX
//
// One JSON object: {"sent", "unsent", "broken", "by_status": {"200": {"count", "p50_ms", "p99_ms", "max_ms"}}}. `unsent`:
// no connection was free for the whole run. Single-threaded; loopback only.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int fd = -1;
  bool busy = false;
  Clock::time_point due;
  std::string answer;
};

struct Answer {
  int status = 0;
  size_t bytes = 0;  // head and body
  bool closes = false;
};

double Number(std::string_view text) {
  double number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The whole answer, if it is there: Hearth and nginx give a content length.
bool Parse(const std::string& text, Answer& answer) {
  const size_t head = text.find("\r\n\r\n");
  if (head == std::string::npos) return false;
  const char* const length = strcasestr(text.c_str(), "\r\ncontent-length:");
  const size_t body =
      length != nullptr && length < text.c_str() + head ? std::strtoull(length + 17, nullptr, 10) : 0;
  answer.bytes = head + 4 + body;
  if (text.size() < answer.bytes) return false;
  answer.status = static_cast<int>(Number(std::string_view(text).substr(9, 3)));
  answer.closes = strcasestr(text.substr(0, head).c_str(), "\r\nconnection: close") != nullptr;
  return true;
}

class Generator {
 public:
  Generator(uint16_t port, const std::string& path, size_t connections_max)
      : port_(port),
        request_("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        connections_(connections_max) {
    epoll_ = epoll_create1(0);
    for (size_t n = connections_max; n > 0; --n) free_.push_back(n - 1);
  }

  void Run(double rate, double seconds) {
    const auto began = Clock::now();
    const auto total = static_cast<size_t>(rate * seconds);
    const auto due = [&](size_t n) {
      return began + std::chrono::nanoseconds(static_cast<int64_t>(1e9 * n / rate));
    };
    const auto end = due(total) + std::chrono::seconds(30);  // for answers that are still to come
    size_t next = 0;
    while ((next < total || busy_ > 0) && Clock::now() < end) {
      for (; next < total && due(next) <= Clock::now() && !free_.empty(); ++next) Send(due(next));
      const bool waits = next < total && !free_.empty();
      const auto pause = waits
                             ? std::chrono::duration_cast<std::chrono::microseconds>(due(next) - Clock::now())
                             : std::chrono::microseconds(20'000);
      Receive(std::max<int64_t>(pause.count(), 0));
      if (next < total && due(total) < Clock::now()) break;
    }
    unsent_ = total - next;
    while (busy_ > 0 && Clock::now() < end) Receive(20'000);
  }

  void Print() {
    std::printf("{\"sent\": %zu, \"unsent\": %zu, \"broken\": %zu, \"by_status\": {", sent_, unsent_,
                broken_);
    const char* comma = "";
    for (auto& [status, ms] : latencies_) {
      std::sort(ms.begin(), ms.end());
      const auto at = [&ms](double share) {
        return ms[std::min(ms.size() - 1, static_cast<size_t>(share * ms.size()))];
      };
      std::printf("%s\"%d\": {\"count\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}", comma,
                  status, ms.size(), at(0.5), at(0.99), ms.back());
      comma = ", ";
    }
    std::printf("}}\n");
  }

 private:
  bool Connect(size_t n) {
    Connection& connection = connections_[n];
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = n;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) == 0;
  }

  void Send(Clock::time_point due) {
    const size_t n = free_.back();
    free_.pop_back();
    Connection& connection = connections_[n];
    ++sent_;
    ++busy_;
    connection.busy = true;
    connection.due = due;
    if (connection.fd < 0 && !Connect(n)) return Break(n);
    const ssize_t size = send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (size != static_cast<ssize_t>(request_.size())) Break(n);
  }

  void Receive(int64_t wait_us) {
    epoll_event events[256];
    const timespec wait{wait_us / 1'000'000, wait_us % 1'000'000 * 1'000};
    const int count = epoll_pwait2(epoll_, events, 256, &wait, nullptr);
    for (int i = 0; i < count; ++i) Read(events[i].data.u64);
  }

  void Read(size_t n) {
    Connection& connection = connections_[n];
    char bytes[65'536];
    const ssize_t size = recv(connection.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0) return;
    if (size == 0) return Break(n);
    connection.answer.append(bytes, static_cast<size_t>(size));
    Answer answer;
    if (!Parse(connection.answer, answer)) return;
    latencies_[answer.status].push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - connection.due).count());
    connection.answer.erase(0, answer.bytes);
    if (answer.closes) Close(connection);
    Free(n);
  }

  void Break(size_t n) {
    Connection& connection = connections_[n];
    Close(connection);
    if (!connection.busy) return;  // idle, and the server tired of it
    ++broken_;
    Free(n);
  }

  void Free(size_t n) {
    connections_[n].busy = false;
    --busy_;
    free_.push_back(n);
  }

  static void Close(Connection& connection) {
    close(connection.fd);
    connection.fd = -1;
    connection.answer.clear();
  }

  const uint16_t port_;
  const std::string request_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::vector<size_t> free_;
  size_t busy_ = 0, sent_ = 0, unsent_ = 0, broken_ = 0;
  std::map<int, std::vector<double>> latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: %s PORT PATH REQUESTS_PER_SECOND SECONDS CONNECTIONS_MAX\n", argv[0]);
    return 2;
  }
  Generator generator(static_cast<uint16_t>(Number(argv[1])), argv[2], static_cast<size_t>(Number(argv[5])));
  generator.Run(Number(argv[3]), Number(argv[4]));
  generator.Print();
}
