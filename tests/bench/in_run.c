#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <hearth/abi.h>

/* Has the name of the request that it is at as its process's, "r17" while it is at ?id=17&ms=20, so that
 * tests/bench/killed_run.py finds whom to kill in /proc. Takes so many milliseconds and no processor. */

static long number_behind(const struct hearth_bytes* text, const char* what) {
  const char* const found = memmem(text->data, text->size, what, strlen(what));
  return found == NULL ? 0 : strtol(found + strlen(what), NULL, 10);
}

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  char name[16];
  struct hearth_bytes answer = {"\"done\"", 6};
  (void)state;
  (void)snprintf(name, sizeof name, "r%ld", number_behind(&request->payload, "\"rawQueryString\":\"id="));
  (void)prctl(PR_SET_NAME, name);
  (void)poll(NULL, 0, (int)number_behind(&request->payload, "&ms="));
  (void)prctl(PR_SET_NAME, "idle");
  return host->response_write(host, answer);
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), NULL, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
