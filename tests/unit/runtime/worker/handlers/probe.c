/*
 * A handler in plain C that tries what its payload says, one word and an argument ("open /etc/shadow"), and answers "ok" or
 * the errno's text. What a sandbox must stop is asked of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <hearth/abi.h>

extern char** environ;

static char answer[65536];

static void say(const char* text) { snprintf(answer, sizeof answer, "%s", text); }
static void verdict(long result) { say(result >= 0 ? "ok" : strerror(errno)); }

static void open_for_reading(const char* path) { verdict(open(path, O_RDONLY | O_CLOEXEC)); }
static void write_file(const char* path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, "x", 1) != 1) {
    verdict(-1);
  } else {
    say("ok");
  }
  if (fd >= 0) close(fd);
}
static void fill_file(const char* path) {
  static char block[65536];
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  size_t written = 0;
  ssize_t n = 0;
  while (fd >= 0 && (n = write(fd, block, sizeof block)) > 0) written += (size_t)n;
  snprintf(answer, sizeof answer, "%zu %s", written, strerror(errno));
}
static void list_folder(const char* path) {
  DIR* folder = opendir(path);
  struct dirent* entry;
  answer[0] = '\0';
  if (folder == NULL) return verdict(-1);
  while ((entry = readdir(folder)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    strncat(answer, entry->d_name, sizeof answer - strlen(answer) - 2);
    strcat(answer, " ");
  }
  closedir(folder);
}
static void make_socket(const char* family) { verdict(socket(atoi(family), SOCK_STREAM, 0)); }
static void execute(const char* path) {
  char* const arguments[] = {(char*)path, NULL};
  verdict(execve(path, arguments, environ));
}
static void fork_process(const char* unused) {
  (void)unused;
  verdict(fork());
}
static void trace(const char* pid) { verdict(ptrace(PTRACE_ATTACH, atoi(pid), NULL, NULL)); }
static void kill_all(const char* unused) {
  (void)unused;
  verdict(kill(-1, SIGKILL));
}
static void mount_something(const char* path) { verdict(mount("tmpfs", path, "tmpfs", 0, NULL)); }
static void unshare_all(const char* unused) {
  (void)unused;
  verdict(unshare(CLONE_NEWUSER | CLONE_NEWNS));
}
static void list_descriptors(const char* unused) {
  char number[16];
  (void)unused;
  answer[0] = '\0';
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) continue;
    snprintf(number, sizeof number, "%d ", fd);
    strcat(answer, number);
  }
}
static void list_environment(const char* unused) {
  (void)unused;
  answer[0] = '\0';
  for (char** pair = environ; *pair != NULL; ++pair) {
    strncat(answer, *pair, sizeof answer - strlen(answer) - 2);
    strcat(answer, "\n");
  }
}
static void who(const char* unused) {
  struct utsname host;
  char folder[256];
  (void)unused;
  uname(&host);
  snprintf(answer, sizeof answer, "pid %d host %s in %s", (int)getpid(), host.nodename,
           getcwd(folder, sizeof folder) ? folder : "?");
}
static void eat_memory(const char* mib) {
  for (int i = 0; i < atoi(mib); ++i) {
    char* block = malloc(1 << 20);
    if (block == NULL) return verdict(-1);
    memset(block, i + 1, 1 << 20);
  }
  say("ok");
}
static void* wait_forever(void* unused) {
  (void)unused;
  for (;;) pause();
  return NULL;
}
static void start_threads(const char* count) {
  pthread_attr_t small;
  pthread_t thread;
  int started = 0;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  while (started < atoi(count) && pthread_create(&thread, &small, &wait_forever, NULL) == 0) ++started;
  snprintf(answer, sizeof answer, "%d", started);
}
/* Threads that are alive at once, so that one of them has whatever number a stale copy of ours may be. */
static pthread_mutex_t exclusive;
static pthread_barrier_t tried;
static void* try_exclusive(void* got) {
  if (pthread_mutex_trylock(&exclusive) == 0) ++*(int*)got;
  pthread_barrier_wait(&tried);
  return NULL;
}
static void hold_recursive_mutex(const char* unused) {
  enum { kThreads = 4 };
  pthread_mutexattr_t recursive;
  pthread_t threads[kThreads];
  int got = 0, again;
  (void)unused;
  pthread_mutexattr_init(&recursive);
  pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&exclusive, &recursive);
  pthread_barrier_init(&tried, NULL, kThreads);
  pthread_mutex_lock(&exclusive);
  for (int i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, &try_exclusive, &got);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  again = pthread_mutex_trylock(&exclusive);
  snprintf(answer, sizeof answer, "others %d, itself %s", got, again == 0 ? "again" : strerror(again));
}
/* Before there is a worker: what a library may leave behind in the process that loads it. */
static void on_signal(int number) { (void)number; }
__attribute__((constructor)) static void leave_signals(void) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  signal(SIGUSR1, on_signal);
  signal(SIGPIPE, SIG_IGN);
}
static void list_signals(const char* unused) {
  struct sigaction action;
  sigset_t blocked;
  (void)unused;
  answer[0] = '\0';
  sigprocmask(SIG_BLOCK, NULL, &blocked);
  for (int number = 1; number <= 64; ++number) {
    char text[32] = "";
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
      snprintf(text, sizeof text, "%d ", number);
    strcat(answer, text);
    if (sigismember(&blocked, number) == 1) strcat(answer, "blocked ");
  }
}
static void print_line(const char* text) {
  printf("%s\n", text); /* not flushed: the worker does */
  say("ok");
}
static void map_executable(const char* path) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0755);
  if (fd < 0 || ftruncate(fd, 4096) != 0) return verdict(-1);
  verdict(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
}
static void forge_frame(const char* text) { verdict(send(3, text, strlen(text), 0)); }
static void raise_abort(const char* unused) {
  (void)unused;
  abort();
}
static void fault(const char* unused) {
  (void)unused;
  *(volatile int*)8 = 1;
}
static void leave(const char* code) { exit(atoi(code)); }
static void set_limit(const char* unused) {
  (void)unused;
  const unsigned long limit[2] = {65536, 65536};
  verdict(syscall(SYS_prlimit64, 0, 7 /* RLIMIT_NOFILE */, limit, NULL));
}
static void become_root(const char* unused) {
  (void)unused;
  verdict(setuid(0));
}
static void set_uid_bit(const char* path) { verdict(chmod(path, 04755)); }
static void leave_whiteout(const char* path) {
  char to[512];
  snprintf(to, sizeof to, "%s.moved", path);
  verdict(syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, to, RENAME_WHITEOUT));
}
/* From one folder to another, both made here. */
static void move_between_folders(const char* path) {
  char from[512], to[512];
  snprintf(from, sizeof from, "%s/a", path);
  snprintf(to, sizeof to, "%s.other", path);
  mkdir(path, 0700);
  mkdir(to, 0700);
  strcat(to, "/b");
  close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  verdict(rename(from, to));
}
static void use_io_uring(const char* unused) {
  (void)unused;
  verdict(syscall(425, 1, NULL));
}

static const struct {
  const char* word;
  void (*deed)(const char*);
} deeds[] = {{"open", open_for_reading},
             {"write", write_file},
             {"fill", fill_file},
             {"list", list_folder},
             {"socket", make_socket},
             {"exec", execute},
             {"fork", fork_process},
             {"ptrace", trace},
             {"killall", kill_all},
             {"mount", mount_something},
             {"unshare", unshare_all},
             {"fds", list_descriptors},
             {"env", list_environment},
             {"who", who},
             {"eat", eat_memory},
             {"threads", start_threads},
             {"mutex", hold_recursive_mutex},
             {"signals", list_signals},
             {"print", print_line},
             {"mapexec", map_executable},
             {"forge", forge_frame},
             {"abort", raise_abort},
             {"segv", fault},
             {"exit", leave},
             {"setlimit", set_limit},
             {"setuid", become_root},
             {"io_uring", use_io_uring},
             {"setuidbit", set_uid_bit},
             {"whiteout", leave_whiteout},
             {"move", move_between_folders}};

static int init(const struct hearth_host* host, const struct hearth_init* init, void** state) {
  (void)init;
  (void)state;
  if (getenv("PROBE_INIT_FAILS") != NULL) {
    host->fail(host, (struct hearth_bytes){"Probe.Init", 10}, (struct hearth_bytes){"told to", 7},
               (struct hearth_bytes){NULL, 0});
    return 1;
  }
  return 0;
}

static int invoke(const struct hearth_host* host, const struct hearth_request* request, void* state) {
  char* word = strndup(request->payload.data, request->payload.size);
  char* argument = strchr(word, ' ');
  (void)state;
  if (argument != NULL) *argument++ = '\0';
  say("no such probe");
  for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; ++i) {
    if (strcmp(deeds[i].word, word) == 0) deeds[i].deed(argument != NULL ? argument : "");
  }
  free(word);
  return host->response_write(host, (struct hearth_bytes){answer, strlen(answer)});
}

static const struct hearth_function function = {
    HEARTH_ABI_VERSION, sizeof function, init, invoke, NULL, NULL, NULL};

HEARTH_EXPORT const struct hearth_function* hearth_function(void) { return &function; }
