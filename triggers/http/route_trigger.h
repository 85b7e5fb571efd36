#pragma once

#include <map>
#include <string>

#include "runtime/http/route_table.h"
#include "runtime/loop/executor.h"
#include "runtime/router/trigger.h"
#include "triggers/http/endpoint_documents.h"
#include "triggers/http/http_invoker.h"
#include "triggers/http/url_trigger.h"

namespace hearth {

// Declared routes: "GET /thumbs/{name}" runs a function, whatever host was asked for. The event's routeKey is
// the route, its pathParameters what stood in the braces.
//
// Owns:    the routes' configurations and their mounts on the data plane.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread only.
// Failure: a route that another one shadows is refused when it is put (kAlreadyExists names both).
class RouteTrigger final : public Trigger {
 public:
  struct Options {
    HttpInvoker::Identity identity;
    std::string advertised = "localhost:8080";
  };

  // `urls` gets what was sent to a function URL's own host, though a route matches its path.
  RouteTrigger(Options options, http::RouteTable& routes, UrlTrigger& urls, KeyStore& keys, EventSink& sink,
               Executor& executor, Random& random);

  std::string_view kind() const override { return "route"; }
  void Put(std::string name, std::string json, Reply reply) override;
  void Remove(std::string name, Done done) override;
  Result<Document> Get(std::string_view name) const override;
  std::vector<Document> List() const override;
  void Command(std::string name, std::string verb, std::string json,
               std::function<void(Result<std::string>)> reply) override;
  void ForgetFunction(std::string_view function) override;
  void Start(Done started) override;
  void Drain(std::function<void()> drained) override;

 private:
  // A route that is mounted, and the one it came from, so that an unchanged route is not mounted twice.
  struct Mounted {
    std::string route;
    http::RouteLease lease;
  };

  Result<EndpointConfig> Read(const std::string& name, std::string_view json) const;
  // Empty when the route of that name is mounted already.
  Result<Mounted> Mount(const std::string& name, const std::string& route);
  void Serve(const std::string& name, http::Request request, http::Responder responder);
  Document DocumentOf(const std::string& name, const EndpointConfig& config) const;

  // Constant after construction.
  const Options options_;
  // Borrowed.
  http::RouteTable& routes_;
  UrlTrigger& urls_;
  Executor& executor_;
  // Mutable.
  EndpointDocuments documents_;
  HttpInvoker invoker_;
  std::map<std::string, Mounted, std::less<>> mounted_;
  WeakPtrFactory<RouteTrigger> weak_{this};
};

}  // namespace hearth
