#pragma once

#include <map>
#include <string>

#include "runtime/http/route_table.h"
#include "triggers/http/http_invoker.h"
#include "triggers/http/url_endpoints.h"

namespace hearth {

// Answers requests to declared routes on one loop. The event's routeKey is the route, its pathParameters what stood in
// the braces.
//
// Owns:    what is known of the routes, and their mounts on the data plane.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  that of its loop.
class RouteEndpoints final {
 public:
  // A route that is mounted, and the one it came from, so that an unchanged route is not mounted twice.
  struct Mounted {
    std::string route;
    http::RouteLease lease;
  };

  // `urls` gets what was sent to a function URL's own host, though a route matches its path.
  RouteEndpoints(HttpInvoker::Identity identity, http::RouteTable& routes, UrlEndpoints& urls,
                 EventSink& sink, const Clock& clock, Random& random);

  // Empty when the route of that name is mounted already. Until Set() it answers 404. kAlreadyExists names both.
  Result<Mounted> Mount(const std::string& name, const std::string& route);
  // From now on `name` is this, mounted as `mounted` says where that is not empty; null: there is no such route.
  void Set(const std::string& name, const EndpointConfig* config, Mounted mounted = {});
  void Drain(std::function<void()> drained) { invoker_.Drain(std::move(drained)); }

 private:
  void Serve(const std::string& name, http::Request&& request, http::Responder responder);

  // Borrowed.
  http::RouteTable& routes_;
  UrlEndpoints& urls_;
  // Mutable.
  std::map<std::string, EndpointConfig, std::less<>> configs_;
  HttpInvoker invoker_;
  std::map<std::string, Mounted, std::less<>> mounted_;
  WeakPtrFactory<RouteEndpoints> weak_{this};
};

}  // namespace hearth
