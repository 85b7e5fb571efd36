#pragma once

/*
 * The boundary between a worker and a handler library: C99, nothing of C++ crosses it. docs/abi.md is its
 * page.
 *
 * A handler library is a shared object that exports one function, by default named `hearth_function` (a
 * deployed function's Handler may name another: "libresize.so:my_symbol"), of type hearth_function_getter:
 *
 *     const struct hearth_function* hearth_function(void);
 *
 * It returns a table with static lifetime. The worker calls it once, reads `abi_version` and `struct_size`,
 * and refuses a version that it does not know, naming both numbers.
 *
 * Versions. `abi_version` changes only when something below changes its meaning. Whatever is added is added
 * at the end of a struct and seen by that struct's `struct_size`: ask HEARTH_HAS(pointer, field) before
 * reading a field that was not in version 1.0. The first two fields of struct hearth_function, and the first
 * field of the others, stay for ever.
 *
 * Who frees what: nobody frees. Every byte handed over, in either direction, belongs to who handed it over
 * and is valid until that call returns; who needs it longer copies it. The host copies what it is given.
 * Memory behind `state` is the library's own.
 *
 * Which thread: the worker calls the entry points from one thread, its main thread, one call at a time, never
 * one inside another. The library may have threads of its own, made in init or later, never in the library's
 * constructors. Such a thread may call `log` and `remaining_time_ns` and nothing else.
 *
 * What runs when, for one worker:  init, then any number of invoke, then shutdown. With SnapStart:
 *     init, before_checkpoint  (once, in a process that is then copied),
 *     after_restore            (in each copy), invoke..., shutdown.
 * shutdown is called only after an init that returned 0, and is not promised: a worker may be killed instead.
 * An idle worker is frozen between two calls; threads stand still in that time.
 *
 * No entry point may let a C++ exception, a longjmp or a pthread_exit leave it. One that calls exit(), is
 * killed by a signal or runs past the deadline ends the worker, and the invocation is answered with an error
 * that says so.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What this header describes. A macro, so that it is compiled into the library and not asked of the worker.
 */
#define HEARTH_ABI_VERSION 1u

/* Name of the exported function where Handler names none. */
#define HEARTH_DEFAULT_SYMBOL "hearth_function"

/* Marks the exported function where the rest is built with -fvisibility=hidden. */
#if defined(__GNUC__)
#define HEARTH_EXPORT __attribute__((visibility("default")))
#else
#define HEARTH_EXPORT
#endif

/* True if the other side knows FIELD of the struct that POINTER points to. */
#define HEARTH_HAS(pointer, field) \
  ((pointer)->struct_size >=       \
   (size_t)((const char*)&(pointer)->field - (const char*)(pointer)) + sizeof((pointer)->field))

/* Bytes by pointer and length; text is UTF-8. Not terminated by a zero. `data` may be NULL where `size` is 0.
 */
struct hearth_bytes {
  const char* data;
  size_t size;
};

/* What the host's functions return. */
enum {
  HEARTH_OK = 0,
  HEARTH_TOO_LARGE =
      1, /* over the response limit: nothing of this write was kept, the invocation will fail */
  HEARTH_NOT_ALLOWED = 2, /* not legal now, or from this thread */
  HEARTH_INVALID = 3      /* an argument is wrong, e.g. NULL with a size */
};

/* Since 1.2. Whether a call waits for the answer of the function that it calls. */
enum hearth_call_type {
  HEARTH_CALL_SYNC = 0, /* until it has answered */
  HEARTH_CALL_EVENT = 1 /* until the event is stored; it is run later, and again if it fails */
};

/* Since 1.2. One call of another function: see hearth_host.call. */
struct hearth_call {
  uint32_t struct_size;
  uint32_t type;                 /* enum hearth_call_type */
  struct hearth_bytes function;  /* name, name:qualifier or ARN */
  struct hearth_bytes qualifier; /* version number or alias; empty: what `function` says, else $LATEST */
  struct hearth_bytes payload;
  struct hearth_bytes content_type; /* empty: application/json */
  uint64_t timeout_ns; /* the longest to wait for an answer; 0: as long as this invocation may still run */
};

/* Since 1.2. How a call ended. A caller must accept numbers that it does not know: it has failed. */
enum hearth_call_status {
  HEARTH_CALL_OK = 0, /* answered; or stored, for HEARTH_CALL_EVENT */
  HEARTH_CALL_FUNCTION_ERROR =
      1,                   /* it ran and failed: thrown, timed out, crashed. payload is Lambda's error JSON */
  HEARTH_CALL_REFUSED = 2, /* nothing ran; error_type is Lambda's name of the reason */
  HEARTH_CALL_TIMED_OUT = 3 /* timeout_ns passed; it may run on, and its answer is dropped */
};

/* Since 1.2. Filled by call(). The bytes are the host's, valid until the next call() or until invoke returns. */
struct hearth_reply {
  uint32_t struct_size; /* set by the caller: no field beyond it is written */
  uint32_t status;      /* enum hearth_call_status */
  struct hearth_bytes payload;
  struct hearth_bytes content_type;
  struct hearth_bytes error_type;    /* empty when status is HEARTH_CALL_OK */
  struct hearth_bytes error_message; /* empty when status is HEARTH_CALL_OK */
  struct hearth_bytes request_id;    /* of the invocation that was made; empty when it was refused */
  struct hearth_bytes executed_version;
};

enum hearth_log_level {
  HEARTH_LOG_TRACE = 0,
  HEARTH_LOG_DEBUG = 1,
  HEARTH_LOG_INFO = 2,
  HEARTH_LOG_WARN = 3,
  HEARTH_LOG_ERROR = 4,
  HEARTH_LOG_FATAL = 5
};

/* Who asked for the invocation. A handler must accept numbers that it does not know. */
enum hearth_trigger {
  HEARTH_TRIGGER_DIRECT = 0, /* Invoke over the control API, or another function */
  HEARTH_TRIGGER_HTTP = 1,
  HEARTH_TRIGGER_QUEUE = 2,
  HEARTH_TRIGGER_BUCKET = 3,
  HEARTH_TRIGGER_SCHEDULE = 4,
  HEARTH_TRIGGER_TOPIC = 5
};

/*
 * What a handler may ask of its worker. The same pointer is given to every call of one worker; it is valid
 * from the begin of init to the return of shutdown. Pass it back as the first argument of each function.
 */
struct hearth_host {
  uint32_t struct_size;
  uint32_t reserved;
  void* opaque; /* the host's own; not to be read or written by a handler */

  /*
   * Any thread, while a call is running. Outside of one the record may be lost, and has no request id.
   * `fields_json` is one JSON object ("{\"k\":1}") or empty. Level is an enum hearth_log_level; one that is
   * not counts as INFO. Never fails; a record too long is cut.
   */
  void (*log)(const struct hearth_host* host, uint32_t level, struct hearth_bytes message,
              struct hearth_bytes fields_json);

  /* Any thread. Nanoseconds until the deadline of the call that is running; negative once past; INT64_MAX if
   * none. */
  int64_t (*remaining_time_ns)(const struct hearth_host* host);

  /*
   * In invoke only, from its thread: appends to the response. What was written when invoke returns 0 is the
   * response, byte for byte; nothing written is an empty response.
   */
  int (*response_write)(const struct hearth_host* host, struct hearth_bytes bytes);

  /* In invoke only, from its thread. Not called: application/json. The last call counts. Header text without
   * line ends. */
  int (*response_content_type)(const struct hearth_host* host, struct hearth_bytes content_type);

  /*
   * In init, invoke, before_checkpoint and after_restore, from its thread: says why the entry point is about
   * to return non-zero. Each text may be empty but `type`; `stack` is one frame a line. The last call counts.
   * Without a call the error type is "Function.Error" and the message holds the number returned. Ignored if
   * the entry point returns 0.
   */
  int (*fail)(const struct hearth_host* host, struct hearth_bytes type, struct hearth_bytes message,
              struct hearth_bytes stack);

  /*
   * Since 1.2 (HEARTH_HAS). In invoke only, from its thread: runs another function, or has its event stored. That is
   * an invocation of its own, limited, logged and billed as any; this one's time goes on meanwhile. Returns HEARTH_OK
   * when `reply` is filled, whatever became of the call; else `reply` is untouched.
   */
  int (*call)(const struct hearth_host* host, const struct hearth_call* call, struct hearth_reply* reply);

  /*
   * Since 1.2. In invoke only, from its thread: what was written until now goes to the client, where the answer is
   * streamed (request.response_streamed); elsewhere nothing happens. It waits while the client is slow. Once anything
   * has gone, the content type is fixed, what is written goes by itself whenever 64 KiB are together, and a failure can
   * only cut the answer off.
   */
  int (*response_flush)(const struct hearth_host* host);
};

/* What init is told. Environment variables are read with getenv(), as ever. */
struct hearth_init {
  uint32_t struct_size;
  uint32_t snap_start; /* 1: this process will be copied after before_checkpoint; keep no connection, thread
                          or secret */
  uint64_t memory_limit_bytes;
  struct hearth_bytes function_name;
  struct hearth_bytes function_version; /* "$LATEST" or a number */
  struct hearth_bytes function_arn;     /* may be empty */
};

/* Whether the file that an invocation is about is open. A handler must accept numbers that it does not know: not
 * open. */
enum hearth_object_state {
  HEARTH_OBJECT_NONE = 0,       /* the event is about no file, or about one that was removed */
  HEARTH_OBJECT_OPEN = 1,       /* object_fd is it */
  HEARTH_OBJECT_CHANGED = 2,    /* it was written, renamed or changed otherwise since the event was made */
  HEARTH_OBJECT_GONE = 3,       /* it was deleted or replaced since the event was made */
  HEARTH_OBJECT_UNAVAILABLE = 4 /* the host could not open it */
};

/* One invocation. Texts that there is nothing to say for are empty. */
struct hearth_request {
  uint32_t struct_size;
  uint32_t trigger; /* enum hearth_trigger */
  uint32_t attempt; /* from 1; 2 is the first retry of the same request id */
  uint32_t cold;    /* 1: the first invocation of this worker */

  struct hearth_bytes payload;
  struct hearth_bytes content_type;
  struct hearth_bytes request_id;

  int64_t deadline_unix_ms; /* wall clock, for what leaves the machine; 0 if there is no deadline */
  int64_t
      deadline_monotonic_ns; /* CLOCK_MONOTONIC of this machine, for what stays; 0 if there is no deadline */
  uint64_t memory_limit_bytes;

  struct hearth_bytes function_name;
  struct hearth_bytes function_version;
  struct hearth_bytes function_arn; /* the ARN that was invoked, with its qualifier */
  struct hearth_bytes trace_id;
  struct hearth_bytes client_context; /* JSON, of a direct invocation */

  /*
   * Since 1.1 (HEARTH_HAS): the file of a bucket's event, whoever owns it, mounted or not. Read-only; its offset is 0
   * and belongs to this invocation alone. It is what the event says it is, or it is not open. The host closes it
   * when invoke returns; who needs it longer duplicates it. Closing it is allowed.
   */
  uint32_t object_state;              /* enum hearth_object_state */
  int32_t object_fd;                  /* -1 unless HEARTH_OBJECT_OPEN */
  struct hearth_bytes object_problem; /* why it is not open; empty for NONE and OPEN */

  /* Since 1.1: functions whose output, one after the other, led to this event. Output of this invocation has one
   * more; OutputFile of the C++ face says so in the name of its temporary file. */
  uint32_t hops;
  uint32_t response_streamed; /* since 1.2, 0 before: 1, what is flushed goes to the client at once */

  /* Since 1.2 (HEARTH_HAS): W3C Trace Context, valid or empty. trace_id above is AWS's X-Amzn-Trace-Id. */
  struct hearth_bytes traceparent;
  struct hearth_bytes tracestate;
};

/* Every entry point but invoke may be NULL. They return 0, or non-zero after fail(). */
struct hearth_function {
  uint32_t abi_version; /* HEARTH_ABI_VERSION; first for ever */
  uint32_t struct_size; /* sizeof(struct hearth_function); second for ever */

  /*
   * Once per worker, before its first invocation, on the worker's init time (billed). `*state` is NULL when
   * called; what is stored there is given to every later call. After a non-zero return nothing more is called
   * and the worker ends.
   */
  int (*init)(const struct hearth_host* host, const struct hearth_init* init, void** state);

  /* One event. Non-zero fails this invocation only; the worker is used again. */
  int (*invoke)(const struct hearth_host* host, const struct hearth_request* request, void* state);

  /* Last call of a worker that ends in order. May log; has the shutdown limit of the platform, no more. */
  void (*shutdown)(const struct hearth_host* host, void* state);

  /* With SnapStart only. A non-zero return refuses the version. Afterwards the process must have one thread.
   */
  int (*before_checkpoint)(const struct hearth_host* host, void* state);

  /* With SnapStart only, in each copy, before its first invocation: reseed randomness, connect again. */
  int (*after_restore)(const struct hearth_host* host, void* state);
};

/* Type of the exported function. It may be called before init and from any process; it must only return the
 * table. */
typedef const struct hearth_function* (*hearth_function_getter)(void);

#ifdef __cplusplus
} /* extern "C" */
#endif
