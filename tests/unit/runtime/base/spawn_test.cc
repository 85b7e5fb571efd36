#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/base/process.h"

namespace hearth {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
  }
  UniqueFd out, in;
};

// What a shell that runs `script` writes to its standard output.
std::string OutputOf(const std::string& script, SpawnOptions options = {}) {
  Pipe pipe;
  options.executable = "/bin/sh";
  options.arguments = {"-c", script};
  options.stdout_fd = pipe.in.get();
  auto child = Spawn(options);
  REQUIRE(child.ok());
  pipe.in.Reset();
  auto output = ReadAll(pipe.out.get(), 1 << 20);
  REQUIRE(output.ok());
  CHECK(child->Wait()->exit_code == 0);
  return *output;
}

}  // namespace

TEST_CASE("a child has standard input, output, error and the inherited descriptor only", "[base]") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  const UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  const UniqueFd leaked(::open("/dev/null", O_RDONLY));  // without close-on-exec, as a library may
  // Builtins only, so that the shell needs no process and no descriptor of its own.
  const std::string list =
      "i=0; while [ $i -lt 256 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done; true";
  CHECK(OutputOf(list, {.inherited_fd = theirs.get()}) == "0\n1\n2\n3\n");
  CHECK(OutputOf(list) == "0\n1\n2\n");
}

TEST_CASE("the inherited descriptor is the one that was given", "[base]") {
  Pipe pipe;
  CHECK(OutputOf("echo through >&3", {.inherited_fd = pipe.in.get()}).empty());
  pipe.in.Reset();
  CHECK(ReadAll(pipe.out.get(), 100).value() == "through\n");
}

TEST_CASE("a child's environment is what was given, else empty", "[base]") {
  REQUIRE(::setenv("HEARTH_TEST_LEAK", "1", 1) == 0);
  const std::string show = "tr '\\0' '\\n' < /proc/$$/environ";
  CHECK(OutputOf(show).empty());
  CHECK(OutputOf(show, {.environment = {"A=1"}}) == "A=1\n");
}

TEST_CASE("a child reads nothing from our standard input", "[base]") { CHECK(OutputOf("cat").empty()); }

TEST_CASE("an executable that is not there is an error that names it", "[base]") {
  const auto child = Spawn({.executable = "/no/such/program"});
  REQUIRE_FALSE(child.ok());
  CHECK(child.error().code == ErrorCode::kNotFound);
  CHECK_THAT(child.error().message, Catch::Contains("/no/such/program"));
}

TEST_CASE("a file that cannot be executed is an error", "[base]") {
  const auto child = Spawn({.executable = "/etc/passwd"});
  REQUIRE_FALSE(child.ok());
  CHECK(child.error().code == ErrorCode::kMisconfigured);
}

TEST_CASE("how a child ended is told", "[base]") {
  auto exits = Spawn({.executable = "/bin/sh", .arguments = {"-c", "exit 7"}});
  REQUIRE(exits.ok());
  CHECK(exits->Wait()->exit_code == 7);
  auto killed = Spawn({.executable = "/bin/sleep", .arguments = {"1000"}});
  REQUIRE(killed.ok());
  REQUIRE(killed->Signal(SIGTERM).ok());
  const auto ended = killed->Wait();
  CHECK(ended->signal == SIGTERM);
  CHECK(ended->exit_code == -1);
}

TEST_CASE("a child is killed and reaped with its object", "[base]") {
  pid_t pid = 0;
  {
    auto child = Spawn({.executable = "/bin/sleep", .arguments = {"1000"}});
    REQUIRE(child.ok());
    pid = child->pid();
    ChildProcess moved = std::move(child).value();
    CHECK(moved.valid());
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) != 0);  // not even a zombie
}

}  // namespace hearth
