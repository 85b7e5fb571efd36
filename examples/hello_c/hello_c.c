#include <stdlib.h>
#include <string.h>

#include <hearth/abi.h>

/* A handler in plain C: counts its worker's invocations and echoes the payload, which must be JSON already.
 */

struct counter {
  unsigned long invocations;
};

static struct hearth_bytes text(const char* zero_terminated) {
  struct hearth_bytes bytes;
  bytes.data = zero_terminated;
  bytes.size = strlen(zero_terminated);
  return bytes;
}

static int init(const struct hearth_host* host, const struct hearth_init* init, void** state) {
  struct counter* counter = calloc(1, sizeof *counter);
  (void)init;
  if (!counter) {
    host->fail(host, text("HelloC.NoMemory"), text("cannot allocate the counter"), text(""));
    return 1;
  }
  *state = counter;
  return 0;
}

/* Decimal digits of `number` at the end of `buffer`; snprintf would do, and drags in much more. */
static struct hearth_bytes decimal(unsigned long number, char* buffer, size_t size) {
  struct hearth_bytes digits;
  char* at = buffer + size;
  do {
    *--at = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  digits.data = at;
  digits.size = (size_t)(buffer + size - at);
  return digits;
}

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  struct counter* counter = state;
  char digits[24];
  if (request->payload.size == 0) {
    host->fail(host, text("HelloC.EmptyPayload"), text("send some JSON, such as {\"name\":\"Ada\"}"),
               text(""));
    return 1;
  }
  counter->invocations += 1;
  host->log(host, HEARTH_LOG_INFO, text("hello from C"), text(""));
  host->response_write(host, text("{\"language\":\"C\",\"invocation\":"));
  host->response_write(host, decimal(counter->invocations, digits, sizeof digits));
  host->response_write(host, text(",\"event\":"));
  host->response_write(host, request->payload);
  host->response_write(host, text("}"));
  return 0;
}

static void shutdown_counter(const struct hearth_host* host, void* state) {
  (void)host;
  free(state);
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), init, invoke, shutdown_counter, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
