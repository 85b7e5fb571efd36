#include <pthread.h>
#include <stdio.h>

#include <hearth/abi.h>

// Starts a thread while it is loaded, which lives on and answers.

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int asked, answered;

static void* work(void* nothing) {
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (answered == asked) pthread_cond_wait(&changed, &mutex);
    answered = asked;
    pthread_cond_broadcast(&changed);
  }
  return nothing;
}

__attribute__((constructor)) static void start(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, work, NULL);
}

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  (void)request, (void)state;
  pthread_mutex_lock(&mutex);
  ++asked;
  pthread_cond_broadcast(&changed);
  while (answered != asked) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
  static const char text[] = "\"it runs\"";
  return host->response_write(host, (struct hearth_bytes){text, sizeof text - 1});
}

static const struct hearth_function function = {
    .abi_version = HEARTH_ABI_VERSION, .struct_size = sizeof function, .invoke = invoke};

__attribute__((visibility("default"))) const struct hearth_function* hearth_function(void) {
  return &function;
}
