// The floor of tests/bench/payload.py: our own HTTP server, which answers a request's body itself. No function, no worker,
// no ledger. Prints the port that it listens on; ends with SIGTERM.

#include <csignal>
#include <cstdio>

#include "runtime/base/heap.h"
#include "runtime/http/server.h"
#include "runtime/loop/signal_watch.h"

int main() {
  using namespace hearth;
  KeepHeapForBodies();  // as hearthd does
  const SystemClock clock;
  NullLog log;
  auto loop = Loop::Create(clock).value();
  http::RouteTable routes;
  routes.SetFallback([](http::Request request, http::Responder responder) {
    responder.Send(http::Response::Text(200, std::move(request.body)));
  });
  auto server = http::Server::Create(*loop, {}, routes, log).value();
  auto stop = SignalWatch::Create(*loop, SIGTERM, [&] { loop->Stop(); }).value();
  std::printf("%u\n", server->port());
  std::fflush(stdout);
  loop->Run();
  return 0;
}
