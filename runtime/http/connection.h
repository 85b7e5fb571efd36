#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "runtime/base/weak_ptr.h"
#include "runtime/http/deadline_lists.h"
#include "runtime/http/exchange.h"
#include "runtime/http/request_parser.h"
#include "runtime/http/response_head.h"
#include "runtime/http/route_table.h"
#include "runtime/loop/stream.h"

namespace hearth::http {

// Looks at a request's head before its body is read; what it returns refuses the request.
using RequestFilter = std::function<std::optional<Response>(const Request& head)>;

// A connection whose next request another server of this process answers: its socket, and what was read of it.
struct HandedOver {
  UniqueFd socket;
  std::string bytes;
};
struct HandOver {
  std::function<bool(const Request& head)> concerns{};  // may be empty: nothing is handed over
  std::function<void(HandedOver connection)> take{};
};

// Called with each whole request, as a task: its handler gets it when the task runs, now or later.
using Prelude = std::function<void(std::function<void()> handle)>;

struct ServerStats {
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;    // over Limits::connections_max
  uint64_t requests_handled = 0;       // given to a handler, or answered 404 or 405
  uint64_t requests_refused = 0;       // malformed, over a limit, or by the filter
  std::array<uint64_t, 10> answers{};  // by the first digit of their status

  void Add(const ServerStats& other) {
    connections_accepted += other.connections_accepted;
    connections_refused += other.connections_refused;
    requests_handled += other.requests_handled;
    requests_refused += other.requests_refused;
    for (size_t digit = 0; digit < answers.size(); ++digit) answers[digit] += other.answers[digit];
  }
};

// What the connections of one server share. Owned by the server, outlives them.
struct ConnectionContext {
  Loop& loop;
  const RouteTable& routes;
  const Limits& limits;
  const RequestFilter& filter;
  const HandOver& hand_over;
  const Prelude& prelude;
  DateLine date_line;
  DeadlineLists deadlines;
  ServerStats stats{};
  bool draining = false;
  // The connection is closed; to be destroyed, but not within the call.
  std::function<void(class Connection&)> retire{};
};

// One client connection: requests in, answers out in the same order.
//
// Owns:    stream, parser, the exchanges that are not through. Owned by Server.
// Borrows: ConnectionContext.
// Thread:  loop.
// States:  reading (parser_) and answering (in_flight_) go on side by side; reading_done_ once no further
//          request is taken (error, "close", end of file, drain); closing_ once the last answer is handed to
//          the stream; then retired.
// Limits:  Limits. Reading pauses while pipeline_max, bodies_in_flight_max or unsent_max is reached and bytes
//          wait.
// Failure: a bad request gets its error answer in turn, then the connection closes. A reset drops everything.
//          At a plain end of file handlers are told (OnClientGone) and what they still answer is sent, since
//          the client may only have shut its sending side.
class Connection final {
 public:
  Connection(ConnectionContext& context, std::unique_ptr<Stream> stream);
  ~Connection();
  void Start();
  // As if they had come over the wire, before anything else does.
  void Feed(std::string_view bytes) { OnBytes(bytes); }
  // Finishes what is in flight, takes no new request, closes.
  void Drain();

  // For Exchange.
  void OnOutput();
  void Cut();  // now, mid-answer
  bool ClosesAfter(const Exchange& exchange) const;
  void CountAnswer(int status) { ++context_.stats.answers[static_cast<size_t>(status) / 100 % 10]; }
  const std::string& date_line() { return context_.date_line.Get(); }
  uint64_t bytes_unsent() const { return out_.size() + (stream_ ? stream_->bytes_unsent() : 0); }

 private:
  void OnBytes(std::string_view bytes);
  void OnPeerClosed(const Error& reason);
  void OnOverdue(Waiting kind);

  size_t Parse(std::string_view bytes);
  void ContinueParsing();
  void AfterParsing();
  void OnHead(bool body_has_begun);
  void CheckExpectation(bool body_has_begun);
  void Leave(std::string_view request);
  void HandOverNow();
  std::shared_ptr<Exchange> NewExchange(Exchange::Asked asked);
  void OnRequest();
  void Handle(Request& request);
  void AnswerNoRoute(Exchange& exchange, const Request& request, const std::string& allow);
  void RefuseRequest(Response response);
  void ReceiveBody(const Request& head);
  bool GiveToSink();
  bool MayBeginRequest() const;
  bool MayParse() const;
  void ContinueLater();

  void StopReading();
  void Pump();
  void TakeOutput(Exchange& exchange);
  void Write(std::string body = {});
  uint64_t bytes_sent() const { return written_ - stream_->bytes_unsent(); }
  void CloseWhenSent();
  void DropEverything();
  void Retire();
  void UpdateWaiting(bool progress);

  // Constant after construction.
  ConnectionContext& context_;
  const std::string peer_address_;

  std::unique_ptr<Stream> stream_;  // null: closed
  RequestParser parser_;
  std::string input_;  // received, not yet consumed by the parser
  std::deque<std::shared_ptr<Exchange>> in_flight_;
  std::shared_ptr<Exchange> answered_;   // the last one, whose memory may serve the next
  std::shared_ptr<Exchange> receiving_;  // the last of in_flight_ while its body is read
  RouteMatch match_;                     // of receiving_
  std::unique_ptr<BodySink> body_;       // takes the body of receiving_
  uint64_t bodies_in_flight_ = 0;
  std::string out_;       // answers of this turn, written together
  bool corked_ = false;   // more answers may come within this call
  bool blocked_ = false;  // input waits for a limit of what is in flight
  bool continue_posted_ = false;
  bool reading_done_ = false;
  bool closing_ = false;
  std::optional<std::string> leaving_;  // what the server that it goes to is to read first
  uint64_t written_ = 0;                // to the stream
  uint64_t sent_seen_ = 0;              // of that, had left when Waiting::kSend began
  DeadlineLists::Entry deadline_;
  WeakPtrFactory<Connection> weak_{this};
};

}  // namespace hearth::http
