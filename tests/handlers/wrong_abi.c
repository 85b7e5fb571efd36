/* A handler built against an ABI of the far future. */
#include <hearth/abi.h>

static int Invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)host;
  (void)request;
  (void)state;
  return 0;
}

static const struct hearth_function kFunction = {
    99, sizeof(struct hearth_function), NULL, Invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &kFunction; }
