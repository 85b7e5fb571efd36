// What a queue costs in-process; queue_store.py drives it and the peers. One JSON object on stdout.
//
//   send FOLDER SECONDS IN_FLIGHT LINGER_MS   single sends of 512 B, so many under way, each acknowledged durable
//   floor FOLDER SECONDS GROUP                SQLite alone: the same row inserted, so many to a commit
//   redis PORT SECONDS IN_FLIGHT              LPUSH of 512 B, pipelined over one connection
//   nats PORT SECONDS IN_FLIGHT               JetStream publishes of 512 B, each acknowledged
//   depth FOLDER SMALL LARGE ROUNDS           cost of each operation at two backlogs, in turn
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/loop/loop.h"
#include "runtime/store/queue_schema.h"
#include "runtime/store/sqlite_queue_store.h"

namespace hearth {
namespace {

constexpr size_t kBodyBytes = 512;
constexpr uint32_t kBatch = 256;

class Bench {
 public:
  Bench(const std::string& path, milliseconds linger) : loop_(std::move(Loop::Create(clock_)).value()) {
    SqliteQueueStore::Options options;
    options.commit.linger = linger;
    options.sqlite.check = SqliteOptions::Check::kNone;
    store_ = std::move(SqliteQueueStore::Open(path, *loop_, std::move(options))).value();
    store_->Create("bench", {}, [this](const Status& status) {
      CHECK_TRUE(status.ok());
      loop_->Stop();
    });
    loop_->Run();
  }
  ~Bench() { store_.reset(); }
  SystemClock& clock() { return clock_; }
  Loop& loop() { return *loop_; }
  QueueStore& store() { return *store_; }
  double Seconds() const { return std::chrono::duration<double>(clock_.Now().time_since_epoch()).count(); }

 private:
  SystemClock clock_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<QueueStore> store_;
};

void Print(const char* what, uint64_t count, double seconds) {
  std::printf("{\"what\": \"%s\", \"operations\": %llu, \"seconds\": %.3f, \"per_second\": %.0f}\n", what,
              static_cast<unsigned long long>(count), seconds, static_cast<double>(count) / seconds);
}

void Send(const std::string& folder, double seconds, uint32_t in_flight, milliseconds linger) {
  Bench bench(folder + "/queues.db", linger);
  const std::string body(kBodyBytes, 'b');
  uint64_t sent = 0;
  uint32_t under_way = 0;
  const double begin = bench.Seconds();
  std::function<void()> send = [&] {
    ++under_way;
    bench.store().Send("bench", {NewMessage{.body = body}},
                       [&](const Result<std::vector<SentMessage>>& done) {
                         CHECK_TRUE(done.ok());
                         ++sent;
                         --under_way;
                         if (bench.Seconds() - begin < seconds) return send();
                         if (under_way == 0) bench.loop().Stop();
                       });
  };
  for (uint32_t i = 0; i < in_flight; ++i) send();
  bench.loop().Run();
  Print("hearth", sent, bench.Seconds() - begin);
}

// No queue, no ids, no answers: what SQLite does with one such row, `group` to a commit.
void Floor(const std::string& folder, double seconds, uint32_t group) {
  const SystemClock clock;
  const auto now = [&] { return std::chrono::duration<double>(clock.Now().time_since_epoch()).count(); };
  SqliteOptions options{.cache = 32_MiB};
  options.vacuum = SqliteOptions::Vacuum::kIncremental;
  options.checkpoints = SqliteOptions::Checkpoints::kByOwner;
  const auto database = std::move(SqliteDatabase::Open(folder + "/floor.db", QueueSchema(), options)).value();
  const std::string body(kBodyBytes, 'b');
  int64_t row = int64_t{1} << 45;
  uint64_t sent = 0;
  const double begin = now();
  while (now() - begin < seconds) {
    CHECK_TRUE(database->Run("BEGIN IMMEDIATE").ok());
    for (uint32_t i = 0; i < group; ++i) {
      ++row;
      CHECK_TRUE(database
                     ->Run("INSERT INTO message(id,sent_us,enqueued_us,crc,body) VALUES(?1,?2,?2,?3,?4)", row,
                           int64_t{1'700'000'000'000'000} + row, int64_t{0x12345678}, SqlBlob{body})
                     .ok());
    }
    CHECK_TRUE(database->Run("COMMIT").ok());
    if (database->wal_pages() > 4'096) {
      CHECK_TRUE(database->Checkpoint(SqliteDatabase::CheckpointKind::kPassive).ok());
    }
    sent += group;
  }
  Print("sqlite alone", sent, now() - begin);
}

// ---- peers, over one loopback connection

class Peer {
 public:
  explicit Peer(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    CHECK_TRUE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Peer() { ::close(fd_); }
  void Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t wrote = ::write(fd_, bytes.data(), bytes.size());
      CHECK_TRUE(wrote > 0);
      bytes.remove_prefix(static_cast<size_t>(wrote));
    }
  }
  // How often `mark` occurs in what has come; at least once. Marks do not overlap two reads unseen.
  uint64_t Await(std::string_view mark) {
    for (;;) {
      char buffer[64 << 10];
      const ssize_t got = ::read(fd_, buffer, sizeof buffer);
      CHECK_TRUE(got > 0);
      rest_.append(buffer, static_cast<size_t>(got));
      CHECK_TRUE(rest_.find("-ERR") == std::string::npos && rest_.find("\"error\"") == std::string::npos);
      uint64_t found = 0;
      size_t at = 0;
      for (size_t next; (next = rest_.find(mark, at)) != std::string::npos; at = next + mark.size()) ++found;
      rest_.erase(0, std::max(at, rest_.size() - std::min(rest_.size(), mark.size() - 1)));
      if (found > 0) return found;
    }
  }

 private:
  const int fd_;
  std::string rest_;
};

void Pipeline(const char* name, Peer& peer, const std::string& request, std::string_view mark, double seconds,
              uint64_t in_flight) {
  const SystemClock clock;
  const auto now = [&] { return std::chrono::duration<double>(clock.Now().time_since_epoch()).count(); };
  const auto ask = [&](uint64_t count) {
    std::string requests;
    for (uint64_t i = 0; i < count; ++i) requests += request;
    peer.Write(requests);
  };
  const double begin = now();
  uint64_t done = 0;
  ask(in_flight);
  while (now() - begin < seconds) {
    const uint64_t answered = peer.Await(mark);
    done += answered;
    ask(answered);
  }
  Print(name, done, now() - begin);
}

void Redis(int port, double seconds, uint64_t in_flight) {
  Peer peer(port);
  const std::string body(kBodyBytes, 'b');
  Pipeline("redis", peer, "*3\r\n$5\r\nLPUSH\r\n$5\r\nbench\r\n$512\r\n" + body + "\r\n", "\r\n", seconds,
           in_flight);
}

void Nats(int port, double seconds, uint64_t in_flight) {
  Peer peer(port);
  peer.Write("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB inbox 1\r\n");
  const std::string stream =
      R"({"name":"BENCH","subjects":["bench"],"retention":"workqueue","storage":"file"})";
  peer.Write("PUB $JS.API.STREAM.CREATE.BENCH inbox " + std::to_string(stream.size()) + "\r\n" + stream +
             "\r\n");
  (void)peer.Await("MSG inbox");
  const std::string body(kBodyBytes, 'b');
  Pipeline("nats", peer, "PUB bench inbox 512\r\n" + body + "\r\n", "MSG inbox", seconds, in_flight);
}

// ---- cost at depth

// A store with a backlog that stays as it is: what is sent in a round is received and deleted in it.
class Deep {
 public:
  Deep(const std::string& path, uint64_t backlog) : bench_(path, milliseconds(0)) {
    for (uint64_t sent = 0; sent < backlog;) {
      const uint64_t count = std::min<uint64_t>(5'000, backlog - sent);
      bench_.store().Send("bench", std::vector<NewMessage>(count, message_), [&](const auto& done) {
        CHECK_TRUE(done.ok());
        bench_.loop().Stop();
      });
      bench_.loop().Run();
      sent += count;
    }
  }
  // Microseconds an operation, 256 single ones under way: send, receive, change visibility, delete.
  std::vector<double> Round() {
    std::vector<double> costs;
    std::vector<std::string> handles;
    costs.push_back(Time([&](const std::function<void()>& done) {
      bench_.store().Send("bench", {message_}, [done](const auto& sent) {
        CHECK_TRUE(sent.ok());
        done();
      });
    }));
    costs.push_back(Time([&](const std::function<void()>& done) {
      bench_.store().Receive("bench", {.count = 1}, [&handles, done](const auto& received) {
        CHECK_TRUE(received.ok() && received->size() == 1);
        handles.push_back(received->front().receipt_handle);
        done();
      });
    }));
    size_t next = 0;
    const auto answered = [](const std::function<void()>& done) {
      return [done](const Result<std::vector<Status>>& statuses) {
        CHECK_TRUE(statuses.ok() && statuses->front().ok());
        done();
      };
    };
    costs.push_back(Time([&](const std::function<void()>& done) {
      bench_.store().ChangeVisibility("bench", {handles[next++]}, seconds(60), answered(done));
    }));
    next = 0;
    costs.push_back(Time([&](const std::function<void()>& done) {
      bench_.store().Delete("bench", {handles[next++]}, answered(done));
    }));
    return costs;
  }

 private:
  double Time(const std::function<void(std::function<void()>)>& operation) {
    const double begin = bench_.Seconds();
    uint32_t left = kBatch;
    for (uint32_t i = 0; i < kBatch; ++i) {
      operation([this, &left] {
        if (--left == 0) bench_.loop().Stop();
      });
    }
    bench_.loop().Run();
    return (bench_.Seconds() - begin) * 1e6 / kBatch;
  }

  const NewMessage message_{.body = std::string(kBodyBytes, 'b')};
  Bench bench_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Depth(const std::string& folder, uint64_t small, uint64_t large, int rounds) {
  Deep shallow(folder + "/small.db", small);
  Deep deep(folder + "/large.db", large);
  std::vector<std::vector<double>> costs[2] = {std::vector<std::vector<double>>(4),
                                               std::vector<std::vector<double>>(4)};
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 2; ++i) {
      const int which = (round + i) % 2;
      const auto cost = (which == 0 ? shallow : deep).Round();
      for (size_t operation = 0; operation < 4; ++operation)
        costs[which][operation].push_back(cost[operation]);
    }
  }
  constexpr const char* kNames[4] = {"send", "receive", "change visibility", "delete"};
  std::printf("{\"what\": \"depth\", \"small\": %llu, \"large\": %llu, \"operations\": {",
              static_cast<unsigned long long>(small), static_cast<unsigned long long>(large));
  for (size_t operation = 0; operation < 4; ++operation) {
    std::printf("%s\"%s\": [%.2f, %.2f]", operation == 0 ? "" : ", ", kNames[operation],
                Median(costs[0][operation]), Median(costs[1][operation]));
  }
  std::printf("}}\n");
}

int Main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto number = [&](size_t i) { return std::strtoull(arguments.at(i).c_str(), nullptr, 10); };
  const auto real = [&](size_t i) { return std::strtod(arguments.at(i).c_str(), nullptr); };
  if (arguments.size() == 5 && arguments[0] == "send") {
    Send(arguments[1], real(2), static_cast<uint32_t>(number(3)), milliseconds(number(4)));
  } else if (arguments.size() == 4 && arguments[0] == "floor") {
    Floor(arguments[1], real(2), static_cast<uint32_t>(number(3)));
  } else if (arguments.size() == 4 && arguments[0] == "redis") {
    Redis(static_cast<int>(number(1)), real(2), number(3));
  } else if (arguments.size() == 4 && arguments[0] == "nats") {
    Nats(static_cast<int>(number(1)), real(2), number(3));
  } else if (arguments.size() == 5 && arguments[0] == "depth") {
    Depth(arguments[1], number(2), number(3), static_cast<int>(number(4)));
  } else {
    std::fprintf(stderr, "see the head of tests/bench/queue_store.cc for the arguments\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::Main(argc, argv); }
