/* A handler that needs a library of its own package. */
#include <hearth/abi.h>

int helper(void);

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)request;
  (void)state;
  return host->response_write(host, (struct hearth_bytes){helper() == 2 ? "helped" : "not", 6});
}

static const struct hearth_function function = {HEARTH_ABI_VERSION, sizeof function, 0, invoke, 0, 0, 0};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
