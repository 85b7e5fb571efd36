#include "runtime/http/connection.h"

#include "runtime/http/error_response.h"

namespace hearth::http {

Connection::Connection(ConnectionContext& context, std::unique_ptr<Stream> stream)
    : context_(context),
      peer_address_(stream->PeerAddress()),
      stream_(std::move(stream)),
      parser_(context.limits),
      deadline_(context.deadlines, [this](Waiting kind) { OnOverdue(kind); }) {}

Connection::~Connection() {
  for (const auto& exchange : in_flight_) exchange->Detach();
}

void Connection::Start() {
  deadline_.Enter(Waiting::kHead);
  stream_->Start({.on_bytes = [this](std::string_view bytes) { OnBytes(bytes); },
                  .on_closed = [this](const Error& reason) { OnPeerClosed(reason); },
                  .on_drained = [this] { OnOutput(); }});
}

void Connection::Drain() {
  if (!stream_ || closing_) return;
  if (!reading_done_ && !parser_.AtStart()) {
    // Nothing of it has begun, and its client may take any time to send the rest.
    return RefuseRequest(ErrorResponse(
        503, "stopping", "the server stops; this request had not arrived whole and was not handled"));
  }
  StopReading();
  Pump();
}

// --- reading

void Connection::OnBytes(std::string_view bytes) {
  if (reading_done_) return;
  corked_ = true;
  if (input_.empty()) {
    const size_t used = Parse(bytes);
    if (!reading_done_) input_.assign(bytes.substr(used));
  } else {
    input_ += bytes;
    input_.erase(0, Parse(input_));
  }
  AfterParsing();
}

void Connection::ContinueParsing() {
  continue_posted_ = false;
  if (!stream_ || reading_done_ || !MayParse()) return;
  corked_ = true;
  stream_->ResumeReading();
  input_.erase(0, Parse(input_));
  AfterParsing();
}

void Connection::AfterParsing() {
  corked_ = false;
  if (!stream_) return;
  if (blocked_ && (body_ || !input_.empty())) stream_->PauseReading();
  Pump();
  UpdateWaiting(true);
}

size_t Connection::Parse(std::string_view bytes) {
  size_t used = 0;
  blocked_ = false;
  while (stream_ && !reading_done_) {
    if (!MayParse()) {
      blocked_ = true;
      break;
    }
    const RequestParser::Fed fed = parser_.Feed(bytes.substr(used));
    used += fed.consumed;
    if (body_ && fed.step != RequestParser::Step::kFailed && !GiveToSink()) break;
    switch (fed.step) {
      case RequestParser::Step::kNeedMore:
        return used;
      case RequestParser::Step::kHead:
        if (context_.hand_over.concerns && context_.hand_over.concerns(parser_.request())) {
          Leave(bytes.substr(used - fed.consumed));
          return bytes.size();
        }
        OnHead(used < bytes.size());
        break;
      case RequestParser::Step::kDone:
        OnRequest();
        break;
      case RequestParser::Step::kFailed:
        RefuseRequest(parser_.failure());
        break;
    }
  }
  return used;
}

bool Connection::MayParse() const {
  if (body_) return !body_->full();
  return !parser_.AtStart() || MayBeginRequest();
}

bool Connection::MayBeginRequest() const {
  const Limits& limits = context_.limits;
  return in_flight_.size() < limits.pipeline_max && bodies_in_flight_ <= limits.bodies_in_flight_max.count &&
         bytes_unsent() <= limits.unsent_max.count;
}

void Connection::OnHead(bool body_has_begun) {
  Request& request = parser_.request();
  request.peer_address = peer_address_;
  receiving_ = NewExchange(
      {.head_only = request.method == "HEAD", .version = request.version, .keep_alive = request.keep_alive});
  in_flight_.push_back(receiving_);
  if (context_.filter) {
    if (auto refusal = context_.filter(request)) return RefuseRequest(std::move(*refusal));
  }
  context_.routes.Find(request.method, request.raw_path, match_);
  if (match_.route && match_.route->options.body_max) parser_.set_body_max(*match_.route->options.body_max);
  if (match_.route && match_.route->options.receive) {
    request.parameters = match_.parameters;
    ReceiveBody(request);
    if (reading_done_) return;
  }
  CheckExpectation(body_has_begun);
}

std::shared_ptr<Exchange> Connection::NewExchange(Exchange::Asked asked) {
  if (!answered_ || answered_.use_count() > 1 || answered_->posted())
    return std::make_shared<Exchange>(context_.loop, *this, asked);
  answered_->BeginAnew(*this, asked);
  return std::move(answered_);
}

void Connection::ReceiveBody(const Request& head) {
  BodyChoice choice = match_.route->options.receive(head, [weak = weak_.Get()] {
    if (weak) weak->ContinueLater();
  });
  if (auto* refusal = std::get_if<Response>(&choice)) return RefuseRequest(std::move(*refusal));
  if (auto* sink = std::get_if<std::unique_ptr<BodySink>>(&choice)) body_ = std::move(*sink);
}

// False when it refused the rest.
bool Connection::GiveToSink() {
  std::string bytes = std::exchange(parser_.request().body, {});
  if (bytes.empty()) return true;
  auto refusal = body_->OnBytes(std::move(bytes));
  if (!refusal) return true;
  RefuseRequest(std::move(*refusal));
  return false;
}

void Connection::CheckExpectation(bool body_has_begun) {
  const Request& request = parser_.request();
  const auto expected = request.headers.Find("expect");
  if (!expected || request.version == 10) return;
  if (!EqualIgnoringCase(*expected, "100-continue")) {
    return RefuseRequest(
        ErrorResponse(417, "expectation_failed",
                      "the only expectation that this server meets is 100-continue; send no other Expect"));
  }
  const bool wanted = parser_.HasBody() && !body_has_begun;
  if (wanted && !parser_.DeclaredTooLarge()) receiving_->SendContinue();
}

void Connection::OnRequest() {
  Request& request = parser_.request();
  parser_.Next();  // from here on another one may come; this one's memory is ours until then
  Handle(request);
  request.Clear();
}

void Connection::Handle(Request& request) {
  const std::shared_ptr<const Route> route = std::exchange(match_.route, nullptr);
  const std::shared_ptr<Exchange> exchange = std::exchange(receiving_, nullptr);
  std::unique_ptr<BodySink> sink = std::exchange(body_, nullptr);
  deadline_.Enter(Waiting::kNothing);  // the next head's time begins with its first byte
  exchange->request_bytes = request.body.size();
  bodies_in_flight_ += exchange->request_bytes;
  ++context_.stats.requests_handled;
  if (!request.keep_alive || context_.draining) StopReading();
  if (sink) {
    BodySink& taker = *sink;
    return taker.OnEnd(std::move(sink), Responder(exchange));
  }
  if (!route) return AnswerNoRoute(*exchange, request, match_.allow);
  std::swap(request.parameters, match_.parameters);
  if (!route->pattern.empty()) request.route.assign(route->method).append(" ").append(route->pattern);
  if (!context_.prelude) return route->handler(std::move(request), Responder(exchange));
  struct Handed {
    std::shared_ptr<const Route> route;
    Request request;
    Responder responder;
  };
  auto handed = std::make_shared<Handed>(Handed{route, std::move(request), Responder(exchange)});
  context_.prelude(
      [handed] { handed->route->handler(std::move(handed->request), std::move(handed->responder)); });
}

void Connection::AnswerNoRoute(Exchange& exchange, const Request& request, const std::string& allow) {
  if (allow.empty()) {
    return exchange.Send(
        ErrorResponse(404, "not_found", "nothing is mounted at " + request.method + " " + request.path));
  }
  Response response = ErrorResponse(
      405, "method_not_allowed", request.path + " does not take " + request.method + "; it takes " + allow);
  response.headers.Add("allow", allow);
  exchange.Send(std::move(response));
}

// Answers the request that is being read, or could not be, when its turn has come; then the connection
// closes.
void Connection::RefuseRequest(Response response) {
  ++context_.stats.requests_refused;
  auto exchange = std::exchange(receiving_, nullptr);
  if (!exchange) {
    exchange = NewExchange({});
    in_flight_.push_back(exchange);
  }
  StopReading();
  exchange->SendAndClose(std::move(response));
}

void Connection::StopReading() {
  reading_done_ = true;
  blocked_ = false;
  input_.clear();
  body_.reset();
}

// The request whose head has been read goes elsewhere, and all that comes after it, once what came before is answered.
void Connection::Leave(std::string_view request) {
  leaving_ = std::string(request);
  StopReading();
  stream_->PauseReading();
}

void Connection::HandOverNow() {
  auto socket = Stream::Release(std::move(stream_));
  if (socket.ok()) context_.hand_over.take({std::move(socket).value(), std::move(*leaving_)});
  Retire();
}

// --- answering

void Connection::OnOutput() {
  if (corked_ || !stream_) return;
  Pump();
  UpdateWaiting(false);
}

void Connection::Pump() {
  while (!in_flight_.empty() && !closing_) {
    Exchange& first = *in_flight_.front();
    if (first.has_output()) TakeOutput(first);
    if (!first.answered()) break;
    closing_ = first.closes();
    bodies_in_flight_ -= first.request_bytes;
    first.Detach();
    answered_ = std::move(in_flight_.front());
    in_flight_.pop_front();
  }
  if (!out_.empty()) Write();
  if (in_flight_.empty() && reading_done_ && !leaving_) closing_ = true;
  if (leaving_ && in_flight_.empty() && bytes_unsent() == 0) return HandOverNow();
  if (closing_) return CloseWhenSent();
  if (!in_flight_.empty() && bytes_unsent() == 0) in_flight_.front()->TellRoom();
  if (blocked_ && MayParse()) ContinueLater();
}

// Not within the call: it may come from inside a handler's Send().
void Connection::ContinueLater() {
  if (!blocked_ || std::exchange(continue_posted_, true)) return;
  context_.loop.Post([weak = weak_.Get()] {
    if (weak) weak->ContinueParsing();
  });
}

void Connection::TakeOutput(Exchange& exchange) {
  if (out_.empty()) {
    out_ = exchange.TakeOut();
  } else {
    out_ += exchange.TakeOut();
  }
  if (std::string body = exchange.TakeBody(); !body.empty()) Write(std::move(body));
}

// out_ and `body` behind it, in one system call.
void Connection::Write(std::string body) {
  written_ += out_.size() + body.size();
  stream_->Write(std::exchange(out_, {}), std::move(body));
}

bool Connection::ClosesAfter(const Exchange& exchange) const {
  return reading_done_ && !leaving_ && !in_flight_.empty() && in_flight_.back().get() == &exchange;
}

// --- the end

void Connection::OnPeerClosed(const Error& reason) {
  if (reason.code != ErrorCode::kCancelled) return DropEverything();
  if (const auto partial = std::exchange(receiving_, nullptr)) {
    partial->Detach();
    in_flight_.pop_back();
  }
  StopReading();
  const auto waiting = in_flight_;
  for (const auto& exchange : waiting) exchange->ClientGone();
  if (!stream_) return;
  Pump();
  UpdateWaiting(false);
}

void Connection::Cut() {
  if (stream_) DropEverything();
}

void Connection::CloseWhenSent() {
  reading_done_ = true;
  if (stream_->bytes_unsent() > 0) return;  // on_drained comes, or Waiting::kSend ends it
  Stream::FinishAndClose(std::move(stream_));
  Retire();
}

void Connection::DropEverything() {
  stream_.reset();
  Retire();
}

void Connection::Retire() {
  StopReading();
  deadline_.Enter(Waiting::kNothing);
  const auto dropped = std::exchange(in_flight_, {});
  for (const auto& exchange : dropped) exchange->Detach();
  receiving_ = nullptr;
  context_.retire(*this);
  for (const auto& exchange : dropped) exchange->ClientGone();
}

void Connection::OnOverdue(Waiting kind) {
  const auto timeout_ms = [](std::chrono::milliseconds limit) {
    return std::to_string(limit.count()) + " ms";
  };
  switch (kind) {
    case Waiting::kNothing:
      return;
    case Waiting::kIdle:
      StopReading();
      break;
    case Waiting::kHead:
      if (parser_.AtStart()) {
        StopReading();
      } else {
        RefuseRequest(ErrorResponse(408, "request_timeout",
                                    "the request's headers were not complete after " +
                                        timeout_ms(context_.limits.head_timeout) +
                                        ", which is the limit; send them faster"));
      }
      break;
    case Waiting::kBody:
      RefuseRequest(ErrorResponse(408, "request_timeout",
                                  "no byte of the request body came for " +
                                      timeout_ms(context_.limits.body_timeout) +
                                      ", which is the limit; send it faster"));
      break;
    case Waiting::kSend:
      if (bytes_sent() == sent_seen_) return DropEverything();
      break;
  }
  if (!stream_) return;
  Pump();
  UpdateWaiting(true);
}

// `progress`: bytes have moved, so that the time of the same kind begins again; a head's never does.
void Connection::UpdateWaiting(bool progress) {
  if (!stream_) return;
  Waiting kind = Waiting::kIdle;
  if (!reading_done_ && body_ && body_->full()) {
    kind = Waiting::kNothing;  // for us, not for the client
  } else if (!reading_done_ && parser_.InBody()) {
    kind = Waiting::kBody;
  } else if (!reading_done_ && !parser_.AtStart()) {
    kind = Waiting::kHead;
  } else if (bytes_unsent() > 0) {
    kind = Waiting::kSend;
  } else if (!in_flight_.empty()) {
    kind = Waiting::kNothing;
  }
  const bool restarts = progress && kind != Waiting::kHead && kind != Waiting::kSend;
  if (kind == deadline_.kind() && !restarts) return;
  sent_seen_ = bytes_sent();
  deadline_.Enter(kind);
}

}  // namespace hearth::http
