#define _GNU_SOURCE
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/call_times.h"

/* The floor of a call of one function by another: 64 bytes from a caller through a middle process to a callee and back,
 * over two SOCK_SEQPACKET pairs, the middle waiting in epoll as hearthd does, and doing nothing else. tests/bench/chain.py
 * starts each part with its descriptors: chain_floor caller FD CALLS | middle FD FD | callee FD. The caller prints the same
 * figures as call_timer.c. */

static int callee(int channel) {
  char bytes[4096];
  ssize_t size;
  while ((size = recv(channel, bytes, sizeof bytes, 0)) > 0) {
    if (send(channel, bytes, (size_t)size, 0) < 0) break;
  }
  return 0;
}

static int middle(int to_caller, int to_callee) {
  const int epoll = epoll_create1(0);
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN;
  event.data.fd = to_caller;
  epoll_ctl(epoll, EPOLL_CTL_ADD, to_caller, &event);
  event.data.fd = to_callee;
  epoll_ctl(epoll, EPOLL_CTL_ADD, to_callee, &event);
  for (;;) {
    char bytes[4096];
    if (epoll_wait(epoll, &event, 1, -1) != 1) continue;
    const ssize_t size = recv(event.data.fd, bytes, sizeof bytes, 0);
    if (size <= 0) return 0;
    if (send(event.data.fd == to_caller ? to_callee : to_caller, bytes, (size_t)size, 0) < 0) return 1;
  }
}

static int caller(int channel, long calls) {
  char bytes[64];
  int64_t* const took = malloc(sizeof *took * (size_t)calls);
  if (took == NULL) return 1;
  memset(bytes, 'x', sizeof bytes);
  for (long i = 0; i < calls; ++i) {
    const int64_t began = now_ns();
    if (send(channel, bytes, sizeof bytes, 0) < 0 || recv(channel, bytes, sizeof bytes, 0) <= 0) return 2;
    took[i] = now_ns() - began;
  }
  char text[128];
  times_as_json(took, calls, text, sizeof text);
  puts(text);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "callee") == 0) return callee((int)strtol(argv[2], NULL, 10));
  if (argc == 4 && strcmp(argv[1], "middle") == 0)
    return middle((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
  if (argc == 4 && strcmp(argv[1], "caller") == 0)
    return caller((int)strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
  return 64;
}
