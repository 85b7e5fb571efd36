#pragma once

#include <map>
#include <string>

#include "runtime/http/route_table.h"
#include "runtime/loop/executor.h"
#include "runtime/router/trigger.h"
#include "triggers/http/endpoint_documents.h"
#include "triggers/http/http_invoker.h"

namespace hearth {

// Function URLs. One answers in two places: at its own host, http://URL-ID.lambda-url.REGION.localhost:PORT/,
// and, for clients that resolve no such name, below /_url/NAME/ of any host; the function sees the path
// without that. NAME is the function's, or FUNCTION:QUALIFIER.
//
// Owns:    the URLs' configurations, its mounts on the data plane (its fallback among them).
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread only.
// Failure: an address that no function has is 403, as on AWS.
class UrlTrigger final : public Trigger {
 public:
  struct Options {
    HttpInvoker::Identity identity;
    std::string advertised =
        "localhost:8080";  // host and port of the data plane, for the URLs that are shown
  };

  static Result<std::unique_ptr<UrlTrigger>> Create(Options options, http::RouteTable& routes, KeyStore& keys,
                                                    EventSink& sink, Executor& executor, Random& random);

  std::string_view kind() const override { return "url"; }
  void Put(std::string name, std::string json, Reply reply) override;
  void Remove(std::string name, Done done) override;
  Result<Document> Get(std::string_view name) const override;
  std::vector<Document> List() const override;
  void Command(std::string name, std::string verb, std::string json,
               std::function<void(Result<std::string>)> reply) override;
  void ForgetFunction(std::string_view function) override;
  void Start(Done started) override;
  void Drain(std::function<void()> drained) override;

  // Whether the request was sent to a URL's own host: then it is the URL's, whatever its path.
  static bool IsForUrlHost(const http::Request& request);
  void ServeByHost(http::Request request, http::Responder responder);

 private:
  UrlTrigger(Options options, http::RouteTable& routes, KeyStore& keys, EventSink& sink, Executor& executor,
             Random& random);

  void ServeByPath(http::Request request, http::Responder responder);
  void ServeUnrouted(http::Request request, http::Responder responder);
  Result<EndpointConfig> Read(const std::string& name, std::string_view json);
  Document DocumentOf(const std::string& name, const EndpointConfig& config) const;

  // Constant after construction.
  const Options options_;
  // Borrowed.
  http::RouteTable& routes_;
  Executor& executor_;
  // Mutable.
  EndpointDocuments documents_;
  HttpInvoker invoker_;
  std::map<std::string, std::string, std::less<>> names_by_id_;
  http::RouteLease lease_;
  WeakPtrFactory<UrlTrigger> weak_{this};
};

}  // namespace hearth
