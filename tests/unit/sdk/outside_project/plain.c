#include <hearth/abi.h>

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)state;
  return host->response_write(host, request->payload);
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), NULL, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* plain_entry(void) { return &function; }
