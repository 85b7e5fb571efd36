#pragma once

#include <map>
#include <memory>
#include <string>

#include "runtime/http/route_table.h"
#include "triggers/http/http_invoker.h"

namespace hearth {

// Answers requests to function URLs on one loop: at each URL's own host, http://URL-ID.lambda-url.REGION.localhost/, and
// below /_url/NAME/ of any host; the function sees the path without that.
//
// Owns:    what is known of the URLs, its mounts on the data plane (its fallback among them).
// Borrows: everything given to Create(); all outlive it.
// Thread:  that of its loop.
// Failure: an address that no function has is 403, as on AWS.
class UrlEndpoints final {
 public:
  static constexpr std::string_view kPathMount = "/_url";
  static constexpr std::string_view kHostMark = ".lambda-url.";

  static Result<std::unique_ptr<UrlEndpoints>> Create(HttpInvoker::Identity identity,
                                                      http::RouteTable& routes, EventSink& sink,
                                                      const Clock& clock, Random& random);

  // From now on `name` is this; null: there is no such URL any more.
  void Set(const std::string& name, const EndpointConfig* config);
  // 503 from now on; `drained` runs once those in flight are answered.
  void Drain(std::function<void()> drained) { invoker_.Drain(std::move(drained)); }
  std::string NewUrlId() { return invoker_.NewUrlId(); }

  // Whether the request was sent to a URL's own host: then it is the URL's, whatever its path.
  static bool IsForUrlHost(const http::Request& request);
  void ServeByHost(http::Request&& request, http::Responder responder);

 private:
  UrlEndpoints(HttpInvoker::Identity identity, http::RouteTable& routes, EventSink& sink, const Clock& clock,
               Random& random);
  void ServeByPath(http::Request&& request, http::Responder responder);
  void ServeUnrouted(http::Request&& request, http::Responder responder);

  // Borrowed.
  http::RouteTable& routes_;
  // Mutable.
  std::map<std::string, EndpointConfig, std::less<>> configs_;
  std::map<std::string, std::string, std::less<>> names_by_id_;
  HttpInvoker invoker_;
  http::RouteLease lease_;
  WeakPtrFactory<UrlEndpoints> weak_{this};
};

}  // namespace hearth
