#pragma once

#include <memory>
#include <string>

#include "runtime/loop/executor.h"
#include "runtime/router/trigger.h"
#include "triggers/http/endpoint_documents.h"
#include "triggers/http/url_endpoints.h"

namespace hearth {

// Function URLs. One answers in two places: at its own host, http://URL-ID.lambda-url.REGION.localhost:PORT/,
// and, for clients that resolve no such name, below /_url/NAME/ of any host; the function sees the path
// without that. NAME is the function's, or FUNCTION:QUALIFIER.
//
// Owns:    the URLs' configurations, and what answers on the daemon's first loop.
// Borrows: everything given to the constructor; all outlive it.
// Thread:  loop thread only.
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

  // What answers here, and who answers elsewhere as it does.
  UrlEndpoints& endpoints() { return *endpoints_; }
  void SetOnChanged(EndpointDocuments::OnChanged on_changed) { on_changed_ = std::move(on_changed); }

 private:
  UrlTrigger(Options options, KeyStore& keys, Executor& executor);

  Result<EndpointConfig> Read(const std::string& name, std::string_view json);
  Document DocumentOf(const std::string& name, const EndpointConfig& config) const;

  // Constant after construction.
  const Options options_;
  // Borrowed.
  Executor& executor_;
  // Mutable.
  EndpointDocuments documents_;
  std::unique_ptr<UrlEndpoints> endpoints_;
  EndpointDocuments::OnChanged on_changed_;
  WeakPtrFactory<UrlTrigger> weak_{this};
};

}  // namespace hearth
