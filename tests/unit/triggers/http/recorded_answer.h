#pragma once

#include <memory>
#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/http/route_table.h"

namespace hearth {

// The client's end of one answer, for handlers that are called without a server.
class RecordedAnswer final : public http::ResponseSink {
 public:
  void Send(http::Response response) override { answer = std::move(response); }
  void Begin(http::Response head, std::optional<uint64_t>) override { answer = std::move(head); }
  void Write(std::string bytes) override { answer->body += bytes; }
  void End() override { ended = true; }
  void Abandon() override { abandoned = true; }
  void OnClientGone(std::function<void()> callback) override { on_gone_ = std::move(callback); }
  void OnRoom(std::function<void()>) override {}
  bool client_gone() const override { return gone_; }
  uint64_t bytes_waiting() const override { return bytes_untaken; }

  void ClientGoes() {
    gone_ = true;
    if (on_gone_) on_gone_();
  }
  std::string header(std::string_view name) const { return std::string(answer->headers.Get(name)); }

  std::optional<http::Response> answer;
  bool ended = false;
  bool abandoned = false;
  uint64_t bytes_untaken = 0;

 private:
  std::function<void()> on_gone_;
  bool gone_ = false;
};

using RecordedAnswerPtr = std::shared_ptr<RecordedAnswer>;

// Sends the request to whatever the table has for it, as the server would.
inline RecordedAnswerPtr Ask(http::RouteTable& routes, http::Request request) {
  auto answer = std::make_shared<RecordedAnswer>();
  http::RouteMatch match = routes.Find(request.method, request.raw_path);
  REQUIRE(match.route);
  if (match.route->pattern != "") request.route = match.route->Name();
  request.parameters = std::move(match.parameters);
  match.route->handler(std::move(request), http::Responder(answer));
  return answer;
}

inline http::Request Request(std::string method, std::string target, http::Headers headers = {},
                             std::string body = "") {
  http::Request request;
  request.method = std::move(method);
  request.target = target;
  const size_t mark = target.find('?');
  request.raw_path = target.substr(0, mark);
  request.path = request.raw_path;
  if (mark != std::string::npos) request.raw_query = target.substr(mark + 1);
  request.headers = std::move(headers);
  if (!request.headers.Find("host")) request.headers.Add("host", "localhost:8080");
  request.body = std::move(body);
  request.peer_address = "127.0.0.1";
  return request;
}

}  // namespace hearth
