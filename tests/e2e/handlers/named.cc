#include <pthread.h>

#include <chrono>
#include <string>
#include <thread>

#include <hearth/hearth.h>

// Has the name of the request that it is at as its process's, so that the host sees in /proc who does what: "r17"
// while the handler is at ?id=17, "idle" before the first and between two. ?ms=20 sleeps so long.

namespace {

using hearth::Context;
using hearth::HttpEvent;
using hearth::HttpResponse;

void Name(const std::string& name) { ::pthread_setname_np(::pthread_self(), name.c_str()); }

HttpResponse Run(const HttpEvent& event, Context&) {
  const std::string id = event.query("id").value_or("?");
  Name("r" + id);
  std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(event.query("ms").value_or("0"))));
  Name("idle");
  return HttpResponse::Json({{"id", id}});
}

}  // namespace

HEARTH_HANDLER(Run);
