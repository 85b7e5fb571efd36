#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <thread>

#include <hearth/hearth.h>

// Says where it is: the address of a function, the network namespace; and crashes, or waits, when asked to.

namespace {

using hearth::Context;
using hearth::json;

uint64_t NetworkCookie() {
  int pair[2];
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  constexpr int kNetnsCookie = 71;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 0;
  (void)getsockopt(pair[0], SOL_SOCKET, kNetnsCookie, &cookie, &size);
  close(pair[0]);
  close(pair[1]);
  return cookie;
}

json Locate(const json& order, Context&) {
  static int calls = 0;
  if (order.value("crash", false)) std::raise(SIGSEGV);
  if (order.contains("ms")) std::this_thread::sleep_for(std::chrono::milliseconds(order["ms"].get<int>()));
  return {{"layout", reinterpret_cast<uint64_t>(&NetworkCookie)},
          {"network", NetworkCookie()},
          {"calls", ++calls}};
}

}  // namespace

HEARTH_HANDLER(Locate);
