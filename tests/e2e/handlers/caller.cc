#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <hearth/hearth.h>

// Calls other functions as its payload says: {"call": NAME, "payload": ANY, "qualifier", "timeout_ms", "async"}; any other
// payload says who it is. An escaped CallError is the function's own failure unless "catch" is set.

namespace {

using hearth::Context;
using hearth::json;
using std::chrono::milliseconds;

json Tell(const Context& context) {
  return {{"request_id", context.request_id()},   {"hops", context.hops()},
          {"trace_id", context.trace_id()},       {"traceparent", context.traceparent()},
          {"tracestate", context.tracestate()},   {"trigger", static_cast<int>(context.trigger())},
          {"version", context.function_version()}};
}

json Call(const json& order, const Context& context) {
  const std::string function = order.at("call"), qualifier = order.value("qualifier", "");
  hearth::CallOptions options{.qualifier = qualifier};
  options.timeout = milliseconds(order.value("timeout_ms", 0));
  const std::string payload = order.contains("bytes") ? "\"" + std::string(order["bytes"], 'x') + "\""
                                                      : order.value("payload", json::object()).dump();
  if (order.value("async", false)) return {{"submitted", context.invoke_async(function, payload, options)}};
  const hearth::CallReply reply = context.invoke(function, payload, options);
  json told = {{"request_id", reply.request_id},
               {"version", reply.executed_version},
               {"content_type", reply.content_type}};
  const json answer = json::parse(reply.payload, nullptr, false);
  told["bytes"] = reply.payload.size();
  if (reply.payload.size() < 10'000) told["answer"] = answer.is_discarded() ? json(reply.payload) : answer;
  return told;
}

// Itself again, until somebody stops it.
json Recurse(const json& order, const Context& context) {
  try {
    return context.invoke(std::string(context.function_name()), order).payload_json();
  } catch (const hearth::CallError& error) {
    if (error.type() != "RecursiveInvocationException") throw;
    return {{"stopped_at_hop", context.hops()}, {"why", error.what()}, {"ran", error.ran()}};
  }
}

// The shortest of so many calls, in nanoseconds, timed here.
json Time(const json& order, const Context& context) {
  const std::string function = order.at("time"), payload = order.value("payload", json("x")).dump();
  std::vector<long> took;
  for (int i = 0; i < order.value("times", 1000); ++i) {
    const auto begin = std::chrono::steady_clock::now();
    (void)context.invoke(function, payload);
    took.push_back((std::chrono::steady_clock::now() - begin).count());
  }
  return took;
}

json Handle(const json& order, Context& context) {
  if (!order.is_object()) return Tell(context);
  if (order.value("recurse", false)) return Recurse(order, context);
  if (order.contains("time")) return Time(order, context);
  if (order.contains("sleep_ms")) std::this_thread::sleep_for(milliseconds(order["sleep_ms"]));
  if (!order.contains("call")) return Tell(context);
  if (!order.value("catch", false)) return Call(order, context);
  try {
    return Call(order, context);
  } catch (const hearth::CallError& error) {
    return {{"type", error.type()},       {"what", error.what()},
            {"ran", error.ran()},         {"timed_out", error.timed_out()},
            {"payload", error.payload()}, {"request_id", error.request_id()}};
  }
}

}  // namespace

HEARTH_HANDLER(Handle);
