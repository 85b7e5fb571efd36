#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <hearth/hearth.h>

// A handler that does what its payload says, most of it bad: {"do": "throw"}. docs of each deed stand at its
// function; "ms", "bytes", "lines", "name", "text" are read where a deed needs them. A payload that is not
// such an object is echoed.

namespace {

using hearth::Context;
using hearth::json;

[[noreturn]] std::string Throw(const json& order) {
  throw std::runtime_error(order.value("text", "thrown on request"));
}
[[noreturn]] std::string ThrowNumber(const json&) { throw 42; }
[[noreturn]] std::string ThrowTyped(const json&) {
  throw hearth::FunctionError("OutOfStock", "no teapots left");
}

// Not JSON, not UTF-8.
std::string Garbage(const json&) { return std::string("\xff\xfe\x00{{\"", 6); }

[[noreturn]] std::string Exit(const json& order) { std::exit(order.value("code", 3)); }
[[noreturn]] std::string ExitQuietly(const json&) { _exit(0); }
[[noreturn]] std::string Abort(const json&) { std::abort(); }

std::string Segfault(const json&) {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
  return {};
}

// Not a tail call, and not an endless loop to an optimiser: every frame is written and read again.
__attribute__((noinline)) int Recurse(volatile char* outer, int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth + *outer);
  const int below = depth < 0 ? 0 : Recurse(frame, depth + 1);
  return below + frame[0];
}
std::string StackOverflow(const json&) {
  volatile char seed = 1;
  return std::to_string(Recurse(&seed, 0));
}

// Until the kernel or the allocator says no: touched page by page, so that it counts.
std::string ExhaustMemory(const json&) {
  std::vector<std::unique_ptr<char[]>> hoard;
  constexpr std::size_t kBlock = 4u << 20;
  for (;;) {
    hoard.push_back(std::make_unique_for_overwrite<char[]>(kBlock));
    std::memset(hoard.back().get(), 0x5a, kBlock);
  }
}
// Takes "bytes", touches them, gives them back.
std::string UseMemory(const json& order) {
  const std::vector<char> block(order.value("bytes", std::size_t{1} << 20), 'x');
  return json({{"used", block.size()}}).dump();
}

std::string Sleep(const json& order) {
  std::this_thread::sleep_for(std::chrono::milliseconds(order.value("ms", 100)));
  return R"({"slept":true})";
}

// Burns the processor for "ms" of cpu time, not of wall time.
std::string Spin(const json& order) {
  const auto cpu_ns = [] {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  };
  const std::int64_t end = cpu_ns() + order.value("ms", std::int64_t{100}) * 1'000'000;
  while (cpu_ns() < end) {
  }
  return R"({"spun":true})";
}
[[noreturn]] std::string SpinForever(const json&) {
  volatile std::uint64_t turns = 0;
  for (;;) turns = turns + 1;
}

std::string Log(const json& order, Context& context) {
  const int lines = order.value("lines", 1);
  const auto level = static_cast<hearth::LogLevel>(order.value("level", 2));
  for (int i = 0; i < lines; ++i) {
    context.log(level, order.value("text", "victim line"), {{"line", i}});
  }
  return json({{"logged", lines}}).dump();
}
std::string Print(const json& order, FILE* stream) {
  const int lines = order.value("lines", 1);
  for (int i = 0; i < lines; ++i) std::fprintf(stream, "%s\n", order.value("text", "victim line").c_str());
  std::fflush(stream);
  return json({{"printed", lines}}).dump();
}

std::string ReturnBytes(const json& order) {
  return std::string(order.value("bytes", std::size_t{1024}), 'x');
}

std::string ReadEnvironment(const json& order) {
  const char* value = std::getenv(order.at("name").get<std::string>().c_str());
  return (value ? json(value) : json()).dump();
}

std::string WriteTmp(const json& order) {
  const std::string path = "/tmp/" + order.value("name", "victim");
  std::ofstream(path) << order.value("text", "written");
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path + " back");
  std::ostringstream text;
  text << in.rdbuf();
  return json(text.str()).dump();
}
// What an earlier invocation left in /tmp: null if nothing did.
std::string ReadTmp(const json& order) {
  std::ifstream in("/tmp/" + order.value("name", "victim"));
  if (!in) return "null";
  std::ostringstream text;
  text << in.rdbuf();
  return json(text.str()).dump();
}
// Whether a file may be opened for reading: what errno says, or "ok".
std::string OpenFile(const json& order) {
  const int fd = ::open(order.at("name").get<std::string>().c_str(), O_RDONLY | O_CLOEXEC);
  const std::string outcome = fd >= 0 ? "ok" : std::strerror(errno);
  if (fd >= 0) ::close(fd);
  return json(outcome).dump();
}

std::string Describe(const json&, Context& context) {
  return json({{"request_id", context.request_id()},
               {"function_name", context.function_name()},
               {"function_version", context.function_version()},
               {"function_arn", context.invoked_function_arn()},
               {"memory_limit", context.memory_limit()},
               {"trigger", static_cast<int>(context.trigger())},
               {"attempt", context.attempt()},
               {"cold_start", context.cold_start()},
               {"trace_id", context.trace_id()},
               {"client_context", context.client_context()},
               {"remaining_ms", context.remaining_time() / std::chrono::milliseconds(1)},
               {"pid", ::getpid()},
               {"uid", ::getuid()}})
      .dump();
}

// How many invocations this worker has served: tells warm from new.
std::string Count(const json&) {
  static int count = 0;
  return std::to_string(++count);
}

using Deed = std::string (*)(const json&);

const std::map<std::string, Deed>& Deeds() {
  static const std::map<std::string, Deed> deeds = {{"throw", &Throw},
                                                    {"throw_int", &ThrowNumber},
                                                    {"throw_typed", &ThrowTyped},
                                                    {"garbage", &Garbage},
                                                    {"exit", &Exit},
                                                    {"_exit", &ExitQuietly},
                                                    {"abort", &Abort},
                                                    {"segfault", &Segfault},
                                                    {"stack_overflow", &StackOverflow},
                                                    {"exhaust_memory", &ExhaustMemory},
                                                    {"use_memory", &UseMemory},
                                                    {"sleep", &Sleep},
                                                    {"spin", &Spin},
                                                    {"spin_forever", &SpinForever},
                                                    {"bytes", &ReturnBytes},
                                                    {"env", &ReadEnvironment},
                                                    {"write_tmp", &WriteTmp},
                                                    {"read_tmp", &ReadTmp},
                                                    {"open", &OpenFile},
                                                    {"count", &Count}};
  return deeds;
}

std::string Obey(const std::string& deed, const json& order, Context& context) {
  if (deed == "log") return Log(order, context);
  if (deed == "stdout") return Print(order, stdout);
  if (deed == "stderr") return Print(order, stderr);
  if (deed == "context") return Describe(order, context);
  const auto found = Deeds().find(deed);
  if (found == Deeds().end()) throw std::invalid_argument("the victim cannot do \"" + deed + "\"");
  return found->second(order);
}

// An event without an order of its own (of a trigger, say) does what the environment variable DO names, else is echoed.
std::string Handle(std::string_view payload, Context& context) {
  const json order = json::parse(payload, nullptr, /*allow_exceptions=*/false);
  const char* always = std::getenv("DO");
  if (always && order.is_object() && !order.contains("do")) return Obey(always, order, context);
  if (!order.is_object() || !order.contains("do") || order["do"] == "echo") return std::string(payload);
  return Obey(order["do"].get<std::string>(), order, context);
}

}  // namespace

HEARTH_HANDLER(Handle);
