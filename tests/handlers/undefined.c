/* A handler that calls what no library has: refused when it is loaded, by the name of the symbol. */
#include <hearth/abi.h>

int hearth_test_symbol_that_nobody_defines(void);

static int Invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)host;
  (void)request;
  (void)state;
  return hearth_test_symbol_that_nobody_defines();
}

static const struct hearth_function kFunction = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), NULL, Invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &kFunction; }
