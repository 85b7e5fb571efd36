/* Writes down when it began, first of all: "KEY NANOSECONDS" (CLOCK_MONOTONIC) a line, appended to `landed` in the bucket
 * `records`. What tests/bench/bucket.py drops files for. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hearth/abi.h>

static int landed = -1;

static int init(const struct hearth_host* host, const struct hearth_init* told, void** state) {
  (void)host, (void)told, (void)state;
  landed = open("/mnt/buckets/records/landed", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  return landed < 0;
}

/* The key of our own files needs no decoding: [a-z0-9.-]. */
static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  (void)host, (void)state;
  static const char kMark[] = "\"object\":{";
  static const char kKey[] = "\"key\":\"";
  const char* object = strstr(request->payload.data, kMark);
  const char* key = object == NULL ? NULL : strstr(object, kKey);
  if (key == NULL) return 1;
  key += sizeof kKey - 1;
  char line[300];
  const int size = snprintf(line, sizeof line, "%.*s %lld\n", (int)strcspn(key, "\""), key,
                            (long long)now.tv_sec * 1000000000 + now.tv_nsec);
  return write(landed, line, (size_t)size) != size;
}

static const struct hearth_function table = {
    HEARTH_ABI_VERSION, sizeof(struct hearth_function), init, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &table; }
