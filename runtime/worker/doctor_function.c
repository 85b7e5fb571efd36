#include <hearth/abi.h>

/* The function that `hearth doctor` starts: nothing, so that what is measured is the start. */

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)request;
  (void)state;
  return host->response_write(host, (struct hearth_bytes){"{}", 2});
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof function, NULL, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
