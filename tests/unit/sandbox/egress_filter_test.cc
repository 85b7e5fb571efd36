#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "sandbox/seccomp_filter.h"
#include "tests/unit/sandbox/bpf_interpreter.h"

// What the filter of a function with a way out lets through beyond the others', interpreted; and nothing else.

namespace hearth {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kNative = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kNative = AUDIT_ARCH_AARCH64;
#endif

constexpr uint32_t kAllowed = SECCOMP_RET_ALLOW;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint32_t kRefused = SECCOMP_RET_ERRNO | EACCES;
constexpr uint64_t kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;

using Stack = std::vector<std::string>;

Stack WorkerOf(NetworkOf network) {
  return {CompileSeccomp(ZygotePolicy(network), Killing::kByListener).value(),
          CompileSeccomp(WorkerPolicy()).value()};
}

uint32_t Ask(const Stack& stack, long number, const std::array<uint64_t, 6>& arguments) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = kNative;
  for (size_t i = 0; i < arguments.size(); ++i) data.args[i] = arguments[i];
  const auto verdict = RunStack(stack, data);
  REQUIRE(verdict);
  return *verdict;
}

TEST_CASE("a way out changes nothing but sockets", "[seccomp][egress]") {
  const Stack with = WorkerOf(NetworkOf::kEgress), without = WorkerOf(NetworkOf::kNobody);
  const std::set<long> changed{SYS_socket, SYS_connect, SYS_setsockopt};
  for (int number = 0; number < 1024; ++number) {
    for (const uint64_t value : {0ULL, 1ULL, 2ULL, 3ULL, 10ULL, 16ULL, 0x80000ULL, ~0ULL}) {
      if (changed.contains(number)) continue;
      INFO(SystemCallName(number) << " " << value);
      const std::array<uint64_t, 6> all{value, value, value, value, value, value};
      CHECK(Ask(with, number, all) == Ask(without, number, all));
    }
  }
  for (const long number : {SYS_bind, SYS_listen, SYS_accept, SYS_accept4})
    CHECK(Ask(with, number, {}) == kRefused);
  CHECK(Ask(with, SYS_connect, {3, 0x7fff0000, 16}) == kAllowed);
  CHECK(Ask(without, SYS_connect, {3, 0x7fff0000, 16}) == kRefused);
}

TEST_CASE("sockets are of TCP and UDP alone, by every family, kind and protocol", "[seccomp][egress]") {
  const Stack with = WorkerOf(NetworkOf::kEgress);
  for (uint64_t family = 0; family < 64; ++family) {
    for (uint64_t kind = 0; kind < 12; ++kind) {
      for (const uint64_t protocol : {0, 1, 2, 6, 17, 58, 132, 136, 255, 256, 262, 263}) {
        const bool inet = family == AF_INET || family == AF_INET6;
        const bool tcp = kind == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP);
        const bool udp = kind == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP);
        const uint32_t expected = inet && (tcp || udp) ? kAllowed : kUnknown;
        INFO("family " << family << ", kind " << kind << ", protocol " << protocol);
        for (const uint64_t flags : {uint64_t{0}, uint64_t{SOCK_CLOEXEC}, kFlags})
          CHECK(Ask(with, SYS_socket, {family, kind | flags, protocol}) == expected);
        CHECK(Ask(with, SYS_socket, {family, kind | 0x10, protocol}) == kUnknown);
      }
    }
  }
}

TEST_CASE("options of sockets are those that clients set", "[seccomp][egress]") {
  const Stack with = WorkerOf(NetworkOf::kEgress);
  const std::set<std::pair<uint64_t, uint64_t>> allowed{
      {SOL_SOCKET, SO_REUSEADDR},   {SOL_SOCKET, SO_KEEPALIVE},  {SOL_SOCKET, SO_LINGER},
      {SOL_SOCKET, SO_SNDBUF},      {SOL_SOCKET, SO_RCVBUF},     {SOL_SOCKET, SO_SNDTIMEO},
      {SOL_SOCKET, SO_RCVTIMEO},    {IPPROTO_TCP, TCP_NODELAY},  {IPPROTO_TCP, TCP_CORK},
      {IPPROTO_TCP, TCP_QUICKACK},  {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL},
      {IPPROTO_TCP, TCP_KEEPCNT},   {IPPROTO_TCP, TCP_SYNCNT},   {IPPROTO_TCP, TCP_USER_TIMEOUT},
      {IPPROTO_IP, IP_RECVERR},     {IPPROTO_IP, IP_TOS},        {IPPROTO_IP, IP_MTU_DISCOVER},
      {IPPROTO_IPV6, IPV6_RECVERR}, {IPPROTO_IPV6, IPV6_V6ONLY}};
  size_t let = 0;
  for (uint64_t level = 0; level < 300; ++level) {
    for (uint64_t option = 0; option < 100; ++option) {
      INFO("level " << level << ", option " << option);
      const bool expected = allowed.contains({level, option});
      let += expected ? 1 : 0;
      CHECK(Ask(with, SYS_setsockopt, {3, level, option, 0x7fff0000, 4}) == (expected ? kAllowed : kUnknown));
    }
  }
  CHECK(let == allowed.size());
}

}  // namespace
}  // namespace hearth
