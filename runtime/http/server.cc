#include "runtime/http/server.h"

#include "runtime/http/error_response.h"

namespace hearth::http {

Server::Server(Loop& loop, const RouteTable& routes, Log& log, ServerOptions options)
    : log_(log),
      options_(std::move(options)),
      context_{.loop = loop,
               .routes = routes,
               .limits = options_.limits,
               .filter = options_.filter,
               .hand_over = options_.hand_over,
               .prelude = options_.prelude,
               .date_line = DateLine(loop.clock()),
               .deadlines = DeadlineLists(options_.limits, loop.clock())} {
  context_.retire = [this](Connection& connection) { Retire(connection); };
}

Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Create(Loop& loop, const ListenAddress& address,
                                               const RouteTable& routes, Log& log, ServerOptions options) {
  std::unique_ptr<Server> server(new Server(loop, routes, log, std::move(options)));
  Server* self = server.get();
  HEARTH_ASSIGN(
      server->listener_,
      Listener::Create(
          loop, address, [self](std::unique_ptr<Stream> stream) { self->OnConnection(std::move(stream)); },
          [self](const Error& error) {
            self->log_.Warn("connections wait", {{"reason", error.message}});
          },
          self->options_.shared));
  server->port_ = server->listener_->port();
  return server;
}

void Server::Take(HandedOver connection) {
  auto stream = Stream::Adopt(context_.loop, std::move(connection.socket));
  if (stream.ok()) OnConnection(std::move(stream).value(), connection.bytes);
}

void Server::OnConnection(std::unique_ptr<Stream> stream, std::string_view bytes) {
  if (connections_.size() >= options_.limits.connections_max) return RefuseConnection(std::move(stream));
  ++context_.stats.connections_accepted;
  if (!sweep_.armed()) Sweep();
  auto connection = std::make_unique<Connection>(context_, std::move(stream));
  Connection& started = *connection;
  connections_.emplace(&started, std::move(connection));
  started.Start();
  if (!bytes.empty()) started.Feed(bytes);
}

void Server::RefuseConnection(std::unique_ptr<Stream> stream) {
  ++context_.stats.connections_refused;
  const Response response = ErrorResponse(503, "too_many_connections",
                                          "the server has " + std::to_string(connections_.size()) +
                                              " connections, which is the limit; try again later");
  stream->Write(FormatHead(response, {.close = true}, context_.date_line.Get()), response.body);
  Stream::FinishAndClose(std::move(stream));
}

void Server::Sweep() {
  context_.deadlines.Sweep();
  sweep_ = context_.loop.After(context_.deadlines.interval(), [this] {
    sweep_.Cancel();
    if (!connections_.empty()) Sweep();
  });
}

void Server::Retire(Connection& connection) {
  auto node = connections_.extract(&connection);
  if (node.empty()) return;
  const bool first = retired_.empty();
  retired_.push_back(std::move(node.mapped()));
  if (!first) return;
  context_.loop.Post([weak = weak_.Get()] {
    if (!weak) return;
    weak->retired_.clear();
    weak->TellDrained();
  });
}

void Server::Drain(std::function<void()> drained) {
  listener_.reset();
  context_.draining = true;
  drained_ = std::move(drained);
  std::vector<Connection*> open;
  for (const auto& [connection, owner] : connections_) open.push_back(connection);
  for (Connection* connection : open) connection->Drain();
  context_.loop.Post([weak = weak_.Get()] {
    if (weak) weak->TellDrained();
  });
}

void Server::TellDrained() {
  if (!connections_.empty() || !context_.draining) return;
  if (const auto drained = std::exchange(drained_, nullptr)) drained();
}

}  // namespace hearth::http
