#define _GNU_SOURCE
#include <string.h>

#include <hearth/abi.h>

#include "tests/bench/call_times.h"

/* Calls the function `callee` with 64 bytes, as often as its payload says, and answers how long each call took, in
 * nanoseconds, shortest first: what ./dev bench chain reads. */

enum { kCallsMax = 1000000 };

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)state;
  static int64_t took[kCallsMax];
  static const char payload[] = "\"64 bytes of JSON text that a callee has no reason to look at..\"";
  const long calls = strtol(request->payload.data, NULL, 10);
  if (calls < 1 || calls > kCallsMax) return 1;
  for (long i = 0; i < calls; ++i) {
    struct hearth_call call;
    struct hearth_reply reply;
    memset(&call, 0, sizeof call);
    memset(&reply, 0, sizeof reply);
    call.struct_size = sizeof call;
    call.function.data = "callee";
    call.function.size = 6;
    call.payload.data = payload;
    call.payload.size = sizeof payload - 1;
    reply.struct_size = sizeof reply;
    const int64_t began = now_ns();
    const int returned = host->call(host, &call, &reply);
    took[i] = now_ns() - began;
    if (returned != HEARTH_OK || reply.status != HEARTH_CALL_OK) return 2;
  }
  char text[128];
  struct hearth_bytes answer;
  answer.data = text;
  answer.size = times_as_json(took, calls, text, sizeof text);
  return host->response_write(host, answer);
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), NULL, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
