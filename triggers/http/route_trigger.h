#pragma once

#include <string>

#include "runtime/loop/executor.h"
#include "runtime/router/trigger.h"
#include "triggers/http/endpoint_documents.h"
#include "triggers/http/route_endpoints.h"

namespace hearth {

// Declared routes: "GET /thumbs/{name}" runs a function, whatever host was asked for. The event's routeKey is
// the route, its pathParameters what stood in the braces.
//
// Owns:    the routes' configurations, and what answers on the daemon's first loop.
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
  RouteTrigger(Options options, http::RouteTable& routes, UrlEndpoints& urls, KeyStore& keys, EventSink& sink,
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

  // Who answers elsewhere as it is done here.
  void SetOnChanged(EndpointDocuments::OnChanged on_changed) { on_changed_ = std::move(on_changed); }

 private:
  Result<EndpointConfig> Read(const std::string& name, std::string_view json) const;
  void Changed(const std::string& name, const EndpointConfig* config, RouteEndpoints::Mounted mounted);
  Document DocumentOf(const std::string& name, const EndpointConfig& config) const;

  // Constant after construction.
  const Options options_;
  // Borrowed.
  Executor& executor_;
  // Mutable.
  EndpointDocuments documents_;
  RouteEndpoints endpoints_;
  EndpointDocuments::OnChanged on_changed_;
  WeakPtrFactory<RouteTrigger> weak_{this};
};

}  // namespace hearth
