#include "triggers/http/http_invoker.h"

#include "runtime/base/digest.h"
#include "triggers/http/answer_stream.h"
#include "triggers/http/http_event_json.h"

namespace hearth {
namespace {

constexpr size_t kUrlIdDigits = 32;  // as many as AWS's, so that nobody guesses one

bool IsPreflight(const http::Request& request) {
  return request.method == "OPTIONS" && request.headers.Find("origin") &&
         request.headers.Find("access-control-request-method");
}

bool HasToken(const EndpointConfig& config, const http::Request& request) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view given = request.headers.Get("authorization");
  if (!http::EqualIgnoringCase(given.substr(0, kScheme.size()), kScheme)) return false;
  const Sha256Digest digest = Sha256(given.substr(kScheme.size()));
  return ConstantTimeEqual(ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()}),
                           config.token_sha256);
}

std::string_view HostOf(const http::Request& request) {
  const std::string_view host = request.headers.Get("host");
  return host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
}

// The token that opened the URL is the runtime's, not the function's; how the client reached us is added as a
// proxy would.
void AddEventHeaders(const EndpointConfig& config, const http::Request& request, std::string_view trace_id,
                     HttpEventParts::HeaderViews& headers) {
  headers.reserve(request.headers.size() + 3);
  for (const http::Header& header : request.headers) {
    const bool hidden = (config.auth == AuthType::kToken && header.name == "authorization") ||
                        header.name == "x-amzn-trace-id";
    if (!hidden) headers.emplace_back(header.name, header.value);
  }
  headers.emplace_back("x-forwarded-for", request.peer_address);
  if (!request.headers.Find("x-forwarded-proto")) headers.emplace_back("x-forwarded-proto", "http");
  headers.emplace_back("x-amzn-trace-id", trace_id);
}

}  // namespace

// One request on its way: everything that its answer needs, apart from the invoker, which may be gone by
// then.
struct HttpInvoker::Exchange {
  http::Responder responder;
  RequestId request_id;
  std::string trace_id{};
  std::optional<CorsRules> cors{};
  std::string origin{};  // of the request, where there are rules
  std::shared_ptr<AnswerStream> stream{};
  std::shared_ptr<Gate> gate{};
  Gate::Pass pass{};  // after `gate`, which it leaves

  void Answer(HttpAnswer answer) {
    if (cors) ApplyCors(*cors, origin, answer);
    Send(std::move(answer));
  }
  // What every answer has, streamed ones too.
  void Dress(HttpAnswer& head) const {
    if (cors) ApplyCors(*cors, origin, head);
    head.headers.Add("x-amzn-requestid", request_id.text());
    head.headers.Add("x-amzn-trace-id", trace_id);
  }
  void Send(HttpAnswer answer) {
    answer.headers.Set("x-amzn-requestid", request_id.text());
    if (!trace_id.empty()) answer.headers.Set("x-amzn-trace-id", trace_id);
    responder.Send({answer.status, std::move(answer.headers), std::move(answer.body)});
    pass = Gate::Pass();
  }
  void Take(Result<Outcome>&& outcome) {
    if (stream && stream->begun()) {
      stream->Finish(outcome);
      pass = Gate::Pass();
      return;
    }
    Answer(outcome.ok() ? AnswerFromOutcome(std::move(*outcome), request_id)
                        : AnswerFromError(outcome.error(), request_id));
  }
};

HttpInvoker::~HttpInvoker() = default;

std::string HttpInvoker::NewUrlId() { return MakeHex(random_, kUrlIdDigits); }

TraceContext HttpInvoker::TraceOf(const http::Request& request, const RequestId& request_id,
                                  WallTime received) {
  TraceContext trace = TraceContextOf(request.headers);
  if (trace.trace_id.empty()) trace.trace_id = MakeTraceId(request_id, received);
  return trace;
}

void HttpInvoker::Refuse(int status, std::string_view message, std::string_view error_type,
                         http::Responder responder) {
  Exchange exchange{std::move(responder), RequestId::Make(random_)};
  exchange.Send(ProblemAnswer(status, message, error_type, exchange.request_id.text()));
}

void HttpInvoker::Serve(const EndpointConfig& config, const Mount& mount, http::Request&& request,
                        http::Responder responder) {
  Gate::Pass pass = gate_->Enter();
  if (!pass)
    return Refuse(503, "the daemon is stopping and takes no more requests", "ServiceUnavailableException",
                  std::move(responder));
  auto exchange = std::make_shared<Exchange>();
  exchange->responder = std::move(responder);
  exchange->request_id = RequestId::Make(random_);
  exchange->gate = gate_;
  exchange->pass = std::move(pass);
  const WallTime received = clock_.WallNow();
  TraceContext trace = TraceOf(request, exchange->request_id, received);
  exchange->trace_id = std::move(trace.trace_id);
  if (config.cors) {
    exchange->cors = config.cors;
    exchange->origin = request.headers.Get("origin");
    if (IsPreflight(request)) {
      return exchange->Send(AnswerPreflight(*config.cors, exchange->origin,
                                            request.headers.Get("access-control-request-method"),
                                            request.headers.Get("access-control-request-headers")));
    }
  }
  if (config.auth == AuthType::kToken && !HasToken(config, request)) {
    HttpAnswer answer =
        ProblemAnswer(401, "this address asks for its token: send \"Authorization: Bearer TOKEN\"",
                      "AccessDeniedException", exchange->request_id.text());
    answer.headers.Add("www-authenticate", "Bearer");
    return exchange->Answer(std::move(answer));
  }
  Run(config, mount, request, received, std::move(trace), exchange);
}

void HttpInvoker::Run(const EndpointConfig& config, const Mount& mount, http::Request& request,
                      WallTime received, TraceContext trace, const std::shared_ptr<Exchange>& exchange) {
  HttpEventParts parts;
  parts.method = request.method;
  parts.raw_path = mount.raw_path;
  parts.raw_query = request.raw_query;
  parts.protocol = request.version == 10 ? "HTTP/1.0" : "HTTP/1.1";
  parts.headers = std::move(headers_);
  AddEventHeaders(config, request, exchange->trace_id, parts.headers);
  parts.body = request.body;
  parts.source_ip = request.peer_address;
  parts.request_id = exchange->request_id.text();
  parts.received = received;
  parts.account_id = identity_.account;
  parts.api_id = mount.api_id;
  parts.domain_name = HostOf(request);
  parts.domain_prefix = parts.domain_name.substr(0, parts.domain_name.find('.'));
  parts.route_key = mount.route_key;
  parts.path_parameters = &mount.path_parameters;

  event_.request_id = exchange->request_id;
  event_.function = config.function;
  event_.qualifier = config.qualifier;
  event_.trigger = TriggerKind::kHttp;
  WriteHttpEventJson(parts, event_.payload);
  event_.content_type = "application/json";
  event_.trace_id = exchange->trace_id;
  event_.traceparent = std::move(trace.traceparent);
  event_.tracestate = std::move(trace.tracestate);
  headers_ = std::move(parts.headers);
  headers_.clear();
  // The body is in the event now; holding it a second time would double what a large upload costs.
  std::string().swap(request.body);
  if (config.invoke_mode == InvokeMode::kResponseStream) {
    exchange->stream =
        std::make_shared<AnswerStream>(exchange->responder, exchange->request_id,
                                       [raw = exchange.get()](HttpAnswer& head) { raw->Dress(head); });
    event_.stream = exchange->stream;
  }
  const DeliveryId delivery = sink_.Deliver(
      std::move(event_), [exchange](Result<Outcome>&& outcome) { exchange->Take(std::move(outcome)); });
  // Where it was thrown back, it is still here.
  event_.stream = nullptr;
  if (!event_.payload.empty()) std::string().swap(event_.payload);
  if (config.on_client_gone == OnClientGone::kCancel) {
    exchange->responder.OnClientGone([weak = weak_.Get(), delivery] {
      if (weak) weak->sink_.Withdraw(delivery, Withdrawal::kAlsoBegun);
    });
  }
}

void HttpInvoker::Drain(std::function<void()> drained) {
  drained_ = std::move(drained);
  gate_->Close([weak = weak_.Get()] {
    if (weak) std::exchange(weak->drained_, nullptr)();
  });
}

}  // namespace hearth
