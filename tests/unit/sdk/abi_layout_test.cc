#include <cstddef>

#include <catch2/catch.hpp>
#include <hearth/abi.h>

// ABI version 1 as libraries in the field have it compiled in. A field is added at the end, with a line here;
// a line that is already here never changes. (64-bit machines; there are no others.)

static_assert(sizeof(struct hearth_bytes) == 16);

static_assert(offsetof(struct hearth_function, abi_version) == 0);
static_assert(offsetof(struct hearth_function, struct_size) == 4);
static_assert(offsetof(struct hearth_function, init) == 8);
static_assert(offsetof(struct hearth_function, invoke) == 16);
static_assert(offsetof(struct hearth_function, shutdown) == 24);
static_assert(offsetof(struct hearth_function, before_checkpoint) == 32);
static_assert(offsetof(struct hearth_function, after_restore) == 40);
static_assert(sizeof(struct hearth_function) == 48);

static_assert(offsetof(struct hearth_host, struct_size) == 0);
static_assert(offsetof(struct hearth_host, opaque) == 8);
static_assert(offsetof(struct hearth_host, log) == 16);
static_assert(offsetof(struct hearth_host, remaining_time_ns) == 24);
static_assert(offsetof(struct hearth_host, response_write) == 32);
static_assert(offsetof(struct hearth_host, response_content_type) == 40);
static_assert(offsetof(struct hearth_host, fail) == 48);
// 1.2
static_assert(offsetof(struct hearth_host, call) == 56);
static_assert(offsetof(struct hearth_host, response_flush) == 64);
static_assert(sizeof(struct hearth_host) == 72);

// 1.2
static_assert(offsetof(struct hearth_call, type) == 4);
static_assert(offsetof(struct hearth_call, function) == 8);
static_assert(offsetof(struct hearth_call, qualifier) == 24);
static_assert(offsetof(struct hearth_call, payload) == 40);
static_assert(offsetof(struct hearth_call, content_type) == 56);
static_assert(offsetof(struct hearth_call, timeout_ns) == 72);
static_assert(sizeof(struct hearth_call) == 80);
static_assert(offsetof(struct hearth_reply, status) == 4);
static_assert(offsetof(struct hearth_reply, payload) == 8);
static_assert(offsetof(struct hearth_reply, content_type) == 24);
static_assert(offsetof(struct hearth_reply, error_type) == 40);
static_assert(offsetof(struct hearth_reply, error_message) == 56);
static_assert(offsetof(struct hearth_reply, request_id) == 72);
static_assert(offsetof(struct hearth_reply, executed_version) == 88);
static_assert(sizeof(struct hearth_reply) == 104);

static_assert(offsetof(struct hearth_init, struct_size) == 0);
static_assert(offsetof(struct hearth_init, snap_start) == 4);
static_assert(offsetof(struct hearth_init, memory_limit_bytes) == 8);
static_assert(offsetof(struct hearth_init, function_name) == 16);
static_assert(offsetof(struct hearth_init, function_version) == 32);
static_assert(offsetof(struct hearth_init, function_arn) == 48);
static_assert(sizeof(struct hearth_init) == 64);

static_assert(offsetof(struct hearth_request, struct_size) == 0);
static_assert(offsetof(struct hearth_request, trigger) == 4);
static_assert(offsetof(struct hearth_request, attempt) == 8);
static_assert(offsetof(struct hearth_request, cold) == 12);
static_assert(offsetof(struct hearth_request, payload) == 16);
static_assert(offsetof(struct hearth_request, content_type) == 32);
static_assert(offsetof(struct hearth_request, request_id) == 48);
static_assert(offsetof(struct hearth_request, deadline_unix_ms) == 64);
static_assert(offsetof(struct hearth_request, deadline_monotonic_ns) == 72);
static_assert(offsetof(struct hearth_request, memory_limit_bytes) == 80);
static_assert(offsetof(struct hearth_request, function_name) == 88);
static_assert(offsetof(struct hearth_request, function_version) == 104);
static_assert(offsetof(struct hearth_request, function_arn) == 120);
static_assert(offsetof(struct hearth_request, trace_id) == 136);
static_assert(offsetof(struct hearth_request, client_context) == 152);
// 1.1
static_assert(offsetof(struct hearth_request, object_state) == 168);
static_assert(offsetof(struct hearth_request, object_fd) == 172);
static_assert(offsetof(struct hearth_request, object_problem) == 176);
static_assert(offsetof(struct hearth_request, hops) == 192);
// 1.2
static_assert(offsetof(struct hearth_request, response_streamed) == 196);
static_assert(offsetof(struct hearth_request, traceparent) == 200);
static_assert(offsetof(struct hearth_request, tracestate) == 216);
static_assert(sizeof(struct hearth_request) == 232);

TEST_CASE("an older library or host is seen by its struct_size", "[sdk][abi]") {
  struct hearth_request request = {};
  request.struct_size = offsetof(struct hearth_request, client_context);
  CHECK(HEARTH_HAS(&request, trace_id));
  CHECK_FALSE(HEARTH_HAS(&request, client_context));
  request.struct_size += sizeof(struct hearth_bytes) - 1;
  CHECK_FALSE(HEARTH_HAS(&request, client_context));
  request.struct_size += 1;
  CHECK(HEARTH_HAS(&request, client_context));
}
