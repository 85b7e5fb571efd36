#include <string>

#include <hearth/hearth.h>

// Greets whoever asks, and says whether a worker had to be started for it.

namespace {

using hearth::Context;
using hearth::HttpEvent;
using hearth::HttpResponse;

HttpResponse Greet(const HttpEvent& event, Context& context) {
  if (event.method() != "GET" && event.method() != "HEAD") {
    return HttpResponse::Json({{"error", "only GET is answered here, not " + event.method()}}, 405);
  }
  const std::string name = event.query("name").value_or("world");
  context.Info("greeting", {{"name", name}, {"cold", context.cold_start()}});
  return HttpResponse::Json({{"greeting", "hello " + name}, {"cold", context.cold_start()}});
}

}  // namespace

HEARTH_HANDLER(Greet);
