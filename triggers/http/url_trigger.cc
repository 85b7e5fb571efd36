#include "triggers/http/url_trigger.h"

namespace hearth {
namespace {

std::string NameOf(const EndpointConfig& config) {
  return config.qualifier.empty() ? config.function : config.function + ":" + config.qualifier;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

Result<std::unique_ptr<UrlTrigger>> UrlTrigger::Create(Options options, http::RouteTable& routes,
                                                       KeyStore& keys, EventSink& sink, Executor& executor,
                                                       Random& random) {
  HEARTH_ASSIGN(auto endpoints,
                UrlEndpoints::Create(options.identity, routes, sink, executor.clock(), random));
  std::unique_ptr<UrlTrigger> trigger(new UrlTrigger(std::move(options), keys, executor));
  trigger->endpoints_ = std::move(endpoints);
  return trigger;
}

UrlTrigger::UrlTrigger(Options options, KeyStore& keys, Executor& executor)
    : options_(std::move(options)), executor_(executor), documents_("url", keys) {
  documents_.SetOnChanged([this](const std::string& name, const EndpointConfig* config) {
    endpoints_->Set(name, config);
    if (on_changed_) on_changed_(name, config);
  });
}

Result<EndpointConfig> UrlTrigger::Read(const std::string& name, std::string_view json) {
  HEARTH_ASSIGN(EndpointConfig config, DecodeEndpointConfig(json));
  if (NameOf(config) != name) {
    return Error{ErrorCode::kInvalidArgument,
                 "the URL " + Quoted(name) + " names the function " + Quoted(NameOf(config))};
  }
  if (!config.route.empty()) return Error{ErrorCode::kInvalidArgument, "Route: a function URL has none"};
  const EndpointConfig* old = documents_.Find(name);
  config.url_id = old ? old->url_id : endpoints_->NewUrlId();
  config.created = old ? old->created : ToIso8601Millis(executor_.clock().WallNow());
  return config;
}

void UrlTrigger::Put(std::string name, std::string json, Reply reply) {
  auto config = Read(name, json);
  if (!config.ok()) {
    return executor_.Post([weak = weak_.Get(), reply = std::move(reply), error = config.error()] {
      if (weak) reply(error);
    });
  }
  documents_.Store(name, *config, [this, weak = weak_.Get(), name, reply = std::move(reply)](Status stored) {
    if (!weak) return;
    if (!stored.ok()) return reply(stored.error());
    reply(Get(name));
  });
}

void UrlTrigger::Remove(std::string name, Done done) { documents_.Remove(std::move(name), std::move(done)); }

Trigger::Document UrlTrigger::DocumentOf(const std::string& name, const EndpointConfig& config) const {
  const std::string host = config.url_id + std::string(UrlEndpoints::kHostMark) + options_.identity.region;
  const size_t colon = options_.advertised.rfind(':');
  const std::string port = colon == std::string::npos ? "" : options_.advertised.substr(colon);
  return {name, EncodeEndpointConfig(config),
          "{\"State\":\"Active\",\"FunctionUrl\":\"http://" + host + ".localhost" + port +
              "/\",\"PathUrl\":\"http://" + options_.advertised + std::string(UrlEndpoints::kPathMount) +
              "/" + name + "/\"}"};
}

Result<Trigger::Document> UrlTrigger::Get(std::string_view name) const {
  if (const EndpointConfig* config = documents_.Find(name)) return DocumentOf(std::string(name), *config);
  return Error{ErrorCode::kNotFound, "function " + Quoted(name) + " has no URL"};
}

std::vector<Trigger::Document> UrlTrigger::List() const {
  std::vector<Document> documents;
  for (const auto& [name, config] : documents_.all()) documents.push_back(DocumentOf(name, config));
  return documents;
}

void UrlTrigger::Command(std::string, std::string verb, std::string,
                         std::function<void(Result<std::string>)> reply) {
  executor_.Post([weak = weak_.Get(), reply = std::move(reply), verb = std::move(verb)] {
    if (weak) reply(Error{ErrorCode::kInvalidArgument, "a function URL knows no command " + Quoted(verb)});
  });
}

void UrlTrigger::ForgetFunction(std::string_view function) {
  for (const std::string& name : documents_.NamesOfFunction(function)) Remove(name, [](const Status&) {});
}

void UrlTrigger::Start(Done started) {
  documents_.Load([](const std::string&, const EndpointConfig&) { return Ok(); }, std::move(started));
}

void UrlTrigger::Drain(std::function<void()> drained) { endpoints_->Drain(std::move(drained)); }

}  // namespace hearth
