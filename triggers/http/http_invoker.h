#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/gate.h"
#include "runtime/base/random.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/http/message.h"
#include "runtime/http/responder.h"
#include "runtime/model/trace_context.h"
#include "runtime/router/event_sink.h"
#include "triggers/http/endpoint_config.h"
#include "triggers/http/http_event_json.h"

namespace hearth {

// Turns one HTTP request into one invocation and its outcome into the answer: preflight, token, event,
// attempt, response.
//
// Owns:    nothing but the count of what is in flight. Owned by a trigger.
// Borrows: EventSink&, Clock&, Random& - all outlive it.
// Thread:  loop thread only.
// Failure: every answer that no function gave is JSON with message, errorType and requestId.
// Promise: no callback runs after the destructor returns; what is in flight then is answered 500 by its
//          responder.
class HttpInvoker final {
 public:
  struct Identity {
    std::string account = "000000000000";
    std::string region = "us-east-1";
  };
  // Where the request came in, as the event tells it. Views live as long as the call.
  struct Mount {
    std::string_view api_id;
    std::string_view route_key = "$default";
    std::string_view raw_path;
    std::map<std::string, std::string> path_parameters;
  };

  HttpInvoker(Identity identity, EventSink& sink, const Clock& clock, Random& random)
      : identity_(std::move(identity)), sink_(sink), clock_(clock), random_(random) {}
  ~HttpInvoker();

  void Serve(const EndpointConfig& config, const Mount& mount, http::Request&& request,
             http::Responder responder);
  // For requests that no endpoint claims.
  void Refuse(int status, std::string_view message, std::string_view error_type, http::Responder responder);
  // From now on every request is 503; `drained` runs once those in flight are answered.
  void Drain(std::function<void()> drained);
  const Identity& identity() const { return identity_; }
  std::string NewUrlId();

 private:
  struct Exchange;

  void Run(const EndpointConfig& config, const Mount& mount, http::Request& request, WallTime received,
           TraceContext trace, const std::shared_ptr<Exchange>& exchange);
  TraceContext TraceOf(const http::Request& request, const RequestId& request_id, WallTime received);

  // Constant after construction.
  const Identity identity_;
  // Borrowed.
  EventSink& sink_;
  const Clock& clock_;
  Random& random_;
  // Mutable.
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();  // shared: an outcome may come after us
  std::function<void()> drained_;
  // For their memory.
  Event event_;
  HttpEventParts::HeaderViews headers_;
  WeakPtrFactory<HttpInvoker> weak_{this};
};

}  // namespace hearth
