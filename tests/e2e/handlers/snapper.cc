#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <hearth/hearth.h>

// Has an init that is worth a snapshot, and says where it and what it has made came from: `origin` is drawn by init, `copy`
// by after_restore, `engine` comes from a random engine that init has seeded. MODE, or the file `mode` of the bucket
// `knob`, says what goes wrong.

namespace {

using hearth::json;

std::string Mode() {
  std::ifstream knob("/mnt/buckets/knob/mode");
  std::string mode;
  if (knob >> mode) return mode;
  const char* const set = std::getenv("MODE");
  return set == nullptr ? "" : set;
}

std::uint64_t Draw() {
  std::uint64_t drawn = 0;
  if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn) std::abort();
  return drawn >> 1;  // what JSON readers take for a number
}

[[noreturn]] void Spin() {
  for (volatile int forever = 0;;) forever = forever + 1;
}

void Print(const char* line) {
  std::puts(line);
  std::fflush(stdout);
}

class Snapper final {
 public:
  explicit Snapper(hearth::InitContext& context) : mode_(Mode()), origin_(Draw()), engine_(42) {
    context.log(hearth::LogLevel::kInfo, "init runs");
    Print("init prints");
    if (context.snap_start()) context.log(hearth::LogLevel::kInfo, "init knows of its copies");
    Work(context);
    if (mode_ == "init-throws") throw std::runtime_error("no table today");
    if (mode_ == "init-crashes") std::raise(SIGSEGV);
    if (mode_ == "init-hangs") Spin();
    if (mode_ == "init-exits") std::_Exit(7);
    if (mode_ == "init-eats") Eat();
    if (mode_ == "threads" || mode_ == "joined") thread_ = std::jthread(&Snapper::Idle);
    if (mode_ == "descriptors") file_ = open("/var/task/libsnapper.so", O_RDONLY | O_CLOEXEC);
    if (mode_ == "dup") dup(3);
    if (mode_ == "tmp") {
      std::ofstream scratch("/tmp/scratch");
      scratch << "kept";
      if (!scratch.flush()) throw std::runtime_error("no /tmp in init");
    }
    secret_ = ReadAll("/run/secrets/word");
  }

  void BeforeCheckpoint() {
    Print("before_checkpoint prints");
    if (mode_ == "checkpoint-throws") throw std::logic_error("not now");
    if (mode_ == "joined") {
      thread_.request_stop();
      thread_.join();
    }
  }

  void AfterRestore() {
    Print("after_restore prints");
    copy_ = Draw();
    mode_now_ = Mode();
    if (mode_now_ == "restore-throws") throw std::runtime_error("no connection");
    if (mode_now_ == "restore-hangs") Spin();
    if (mode_now_ == "restore-crashes") std::raise(SIGSEGV);
    if (mode_now_ == "reseed") engine_.seed(copy_);
  }

  json operator()(const json& order) {
    if (order.contains("ms")) std::this_thread::sleep_for(std::chrono::milliseconds(order["ms"].get<int>()));
    if (order.value("crash", false)) std::raise(SIGSEGV);
    json answer{{"origin", origin_},
                {"copy", copy_},
                {"engine", engine_()},
                {"calls", ++calls_},
                {"rows", table_.size()},
                {"secret", secret_},
                {"type", Variable("AWS_LAMBDA_INITIALIZATION_TYPE")},
                {"random", Draw()}};
    if (file_ >= 0) {
      char magic[5] = {};
      answer["magic"] = pread(file_, magic, 4, 0) == 4 && magic[1] == 'E' ? "ELF" : "closed";
    }
    answer["open"] = json::array();
    for (int fd = 0; fd < 1024; ++fd) {
      if (fcntl(fd, F_GETFD) >= 0) answer["open"].push_back(fd);
    }
    return answer;
  }

 private:
  static void Idle(std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  static std::string Variable(const char* name) {
    const char* const set = std::getenv(name);
    return set == nullptr ? "" : set;
  }
  static std::string ReadAll(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Eat() {
    std::vector<std::unique_ptr<char[]>> eaten;
    for (;;) {
      eaten.push_back(std::make_unique<char[]>(1 << 20));
      for (int i = 0; i < 1 << 20; i += 4096) eaten.back()[i] = 1;
    }
  }
  // A table of WORK_MS milliseconds.
  void Work(hearth::InitContext&) {
    const char* const ms = std::getenv("WORK_MS");
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(ms == nullptr ? 20 : std::stoi(ms));
    while (table_.empty() || std::chrono::steady_clock::now() < until) {
      if (table_.size() < 1 << 20) table_.push_back(table_.size() * 7);
    }
  }

  const std::string mode_;
  std::string mode_now_;
  const std::uint64_t origin_;
  std::uint64_t copy_ = 0;
  std::mt19937_64 engine_;
  std::vector<std::uint64_t> table_;
  std::string secret_;
  int file_ = -1;
  int calls_ = 0;
  std::jthread thread_;
};

}  // namespace

HEARTH_HANDLER(Snapper);
