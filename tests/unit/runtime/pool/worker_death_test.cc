#include "runtime/pool/worker_death.h"

#include <signal.h>

#include <catch2/catch.hpp>

namespace hearth {
namespace {

CrashFrame Fault(int signal, uint64_t address, std::string text = {}) {
  return {.signal = signal, .code = 1, .address = address, .text = std::move(text)};
}

TEST_CASE("each end has its own words", "[crash]") {
  const CrashFrame fault = Fault(SIGSEGV, 0x10);
  CHECK(TextOf({{-1, SIGSEGV}, {}}, nullptr) == "Runtime exited with error: signal: segmentation fault");
  CHECK(TextOf({{-1, SIGSEGV}, {}}, &fault) ==
        "Runtime exited with error: signal: segmentation fault at address 0x10");
  CHECK(TextOf({{134, 0}, {}}, nullptr) == "Runtime exited with error: signal: aborted");
  CHECK(TextOf({{3, 0}, {}}, nullptr) == "Runtime exited with error: exit status 3");
  CHECK(TextOf({{0, 0}, {}}, nullptr) == "Runtime exited without providing a reason");
  CHECK(TextOf({{-1, SIGSYS}, "mount"}, nullptr) ==
        "Runtime exited with error: signal: bad system call: mount, which no function may make");
  CHECK(TextOf({{-1, SIGSYS}, {}}, nullptr) ==
        "Runtime exited with error: signal: bad system call: one of another architecture, or one that only "
        "confines");
  CHECK(TextOf({{-1, SIGKILL}, {}}, nullptr) == "Runtime exited with error: signal: killed");
}

TEST_CASE("a signal that it sent itself has no address", "[crash]") {
  const CrashFrame sent{.signal = SIGSEGV, .code = -6, .address = 0x10, .text = {}};
  CHECK(TextOf({{128 + SIGSEGV, 0}, {}}, &sent) == "Runtime exited with error: signal: segmentation fault");
}

TEST_CASE("a report counts only when the process did end so", "[crash]") {
  const CrashFrame fault = Fault(SIGSEGV, 0);
  CHECK(Explains(fault, {{-1, SIGSEGV}, {}}));
  CHECK(Explains(fault, {{128 + SIGSEGV, 0}, {}}));
  CHECK_FALSE(Explains(fault, {{-1, SIGKILL}, {}}));
  CHECK_FALSE(Explains(fault, {{0, 0}, {}}));
  CHECK_FALSE(Explains(fault, {{7, 0}, {}}));
}

TEST_CASE("a backtrace's lines carry nothing that a terminal obeys, and are bounded", "[crash]") {
  CHECK(LinesOf(Fault(11, 0)).empty());
  CHECK(LinesOf(Fault(11, 0, "#0 \x1b[2J\r\xff\n\n#1 b")) ==
        std::vector<std::string>{"#0 ?[2J??", "", "#1 b"});
  std::string many;
  for (int i = 0; i < 32; ++i) many += "x\n";
  CHECK(LinesOf(Fault(11, 0, many)).size() == 32);
  CHECK(LinesOf(Fault(11, 0, many + "x\n")).size() == 32);
  CHECK(LinesOf(Fault(11, 0, std::string(512, 'x')))[0].size() == 512);
  CHECK(LinesOf(Fault(11, 0, std::string(513, 'x')))[0].size() == 512);
  CHECK(AsJsonArray({}).empty());
  CHECK(AsJsonArray({"a\"", "b"}) == R"(["a\"","b"])");
}

}  // namespace
}  // namespace hearth
