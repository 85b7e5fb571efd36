#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <hearth/hearth.h>

// A handler whose init goes wrong as the environment variable INIT says: throw, fail, sleep, exit, crash.
// Anything else is a good init.

namespace {

int Init(const struct hearth_host* host, const struct hearth_init*, void**) {
  const char* value = std::getenv("INIT");
  const std::string_view how = value ? value : "";
  if (how == "fail") return 7;  // without a call of fail(): the worker has to find words
  if (how == "sleep") std::this_thread::sleep_for(std::chrono::hours(1));
  if (how == "exit") std::exit(3);
  if (how == "crash")
    *static_cast<volatile int*>(nullptr) = 1;  // raise() would not reach the first process of a namespace
  return hearth::internal::Guard(host, [&] {
    if (how == "throw") throw std::runtime_error("init was told to throw");
  });
}

int Invoke(const struct hearth_host* host, const struct hearth_request*, void*) {
  return host->response_write(host, hearth::internal::BytesOf("\"init went well\""));
}

constexpr struct hearth_function kFunction = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), &Init, &Invoke, nullptr, nullptr, nullptr};

}  // namespace

extern "C" HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &kFunction; }
