#include "runtime/loop/listener.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "tests/unit/runtime/loop/loop_fixture.h"

namespace hearth {

TEST_CASE("listen addresses that are understood", "[loop]") {
  struct Row {
    std::string text, host;
    uint16_t port;
    bool loopback;
  };
  const Row rows[] = {
      {"8080", "127.0.0.1", 8080, true},     {"127.0.0.1:0", "127.0.0.1", 0, true},
      {"[::1]:65535", "::1", 65535, true},   {"localhost:80", "localhost", 80, true},
      {"0.0.0.0:80", "0.0.0.0", 80, false},  {"[::]:80", "::", 80, false},
      {"127.9.9.9:1", "127.9.9.9", 1, true}, {"[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1, true},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto address = ParseListenAddress(row.text);
    REQUIRE(address.ok());
    CHECK(address->host == row.host);
    CHECK(address->port == row.port);
    CHECK(address->IsLoopback() == row.loopback);
  }
}

TEST_CASE("listen addresses that are refused", "[loop]") {
  for (const char* text : {"", ":", "x", "65536", "-1", "80x", " 80", "127.0.0.1:", "127.0.0.1", "::1:80",
                           "[::1]", "[::1]80", "[127.0.0.1]:80", "example.org:80", "[::1:80", "1.2.3:4"}) {
    INFO(text);
    const auto address = ParseListenAddress(text);
    REQUIRE_FALSE(address.ok());
    CHECK(address.error().code == ErrorCode::kInvalidArgument);
    CHECK(address.error().message.find(std::string("'") + text + "'") != std::string::npos);
  }
}

TEST_CASE_METHOD(LoopFixture, "a port in use is an error that says what to do", "[loop]") {
  const auto first = Listener::Create(*loop, {}, [](std::unique_ptr<Stream>) {});
  REQUIRE(first.ok());
  const auto second = Listener::Create(*loop, {.host = "127.0.0.1", .port = first.value()->port()},
                                       [](std::unique_ptr<Stream>) {});
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kMisconfigured);
  CHECK_THAT(second.error().message, Catch::Contains("127.0.0.1:" + std::to_string(first.value()->port())) &&
                                         Catch::Contains("choose another port"));
}

TEST_CASE_METHOD(LoopFixture, "a host that is no address is refused", "[loop]") {
  const auto listener =
      Listener::Create(*loop, {.host = "example.org", .port = 0}, [](std::unique_ptr<Stream>) {});
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE_METHOD(LoopFixture, "a listener destroyed in its own callback is legal", "[loop]") {
  std::unique_ptr<Listener> listener;
  bool ran = false;
  listener = std::move(Listener::Create(*loop, {}, [&](std::unique_ptr<Stream>) {
               listener.reset();
               ran = true;
             })).value();
  const PlainClient client(listener->port());
  RunUntil([&] { return ran; });
}

TEST_CASE_METHOD(LoopFixture,
                 "out of descriptors, it says so and serves those who waited once there are some", "[loop]") {
  std::vector<std::unique_ptr<Stream>> accepted;
  std::vector<std::string> errors;
  const auto listener = Listener::Create(
      *loop, {}, [&](std::unique_ptr<Stream> stream) { accepted.push_back(std::move(stream)); },
      [&](const Error& error) { errors.push_back(error.message); });
  REQUIRE(listener.ok());
  const PlainClient client(listener.value()->port());

  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  const rlimit few{64, usual.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<UniqueFd> hoard;
  while (hoard.empty() || hoard.back()) hoard.emplace_back(::dup(0));
  RunSomeTurns();
  hoard.clear();
  ::setrlimit(RLIMIT_NOFILE, &usual);

  CHECK(accepted.empty());
  REQUIRE(errors.size() == 1);
  CHECK_THAT(errors[0], Catch::Contains("Too many open files"));
  RunUntil([&] { return accepted.size() == 1; });
}

}  // namespace hearth
