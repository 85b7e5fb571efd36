#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What call_timer.c and chain_floor.c do alike, so that chain.py compares like with like. */

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int by_size(const void* a, const void* b) {
  const int64_t x = *(const int64_t*)a, y = *(const int64_t*)b;
  return (x > y) - (x < y);
}

/* {"p50", "p99", "least"} in nanoseconds. Sorts them. The length of the text. */
static size_t times_as_json(int64_t* took, long calls, char* text, size_t size) {
  qsort(took, (size_t)calls, sizeof *took, by_size);
  return (size_t)snprintf(text, size, "{\"p50\": %lld, \"p99\": %lld, \"least\": %lld}",
                          (long long)took[calls / 2], (long long)took[calls * 99 / 100], (long long)took[0]);
}
