#include <hearth/abi.h>

/* The least that a handler can do: `hello`, as plain text. What an invocation costs beside it is the runtime's. */

static struct hearth_bytes text(const char* data, size_t size) {
  struct hearth_bytes bytes;
  bytes.data = data;
  bytes.size = size;
  return bytes;
}

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)request;
  (void)state;
  host->response_content_type(host, text("text/plain", 10));
  return host->response_write(host, text("hello", 5));
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), NULL, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
