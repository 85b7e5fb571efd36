#include "triggers/http/url_trigger.h"

#include "runtime/http/target.h"

namespace hearth {
namespace {

constexpr std::string_view kPathMount = "/_url";
constexpr std::string_view kHostMark = ".lambda-url.";

std::string NameOf(const EndpointConfig& config) {
  return config.qualifier.empty() ? config.function : config.function + ":" + config.qualifier;
}

// "ab12.lambda-url.us-east-1.localhost:8080" -> "ab12", else "".
std::string UrlIdOf(const http::Request& request) {
  const std::string_view host = request.headers.Get("host");
  const size_t mark = host.find('.');
  if (mark == host.npos || !http::EqualIgnoringCase(host.substr(mark, kHostMark.size()), kHostMark))
    return "";
  std::string id(host.substr(0, mark));
  for (char& c : id) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return id;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

Result<std::unique_ptr<UrlTrigger>> UrlTrigger::Create(Options options, http::RouteTable& routes,
                                                       KeyStore& keys, EventSink& sink, Executor& executor,
                                                       Random& random) {
  std::unique_ptr<UrlTrigger> trigger(
      new UrlTrigger(std::move(options), routes, keys, sink, executor, random));
  HEARTH_ASSIGN(trigger->lease_,
                routes.AddPrefix(kPathMount, [weak = trigger->weak_.Get()](http::Request request,
                                                                           http::Responder responder) {
                  if (weak) weak->ServeByPath(std::move(request), std::move(responder));
                }));
  routes.SetFallback([weak = trigger->weak_.Get()](http::Request request, http::Responder responder) {
    if (weak) weak->ServeUnrouted(std::move(request), std::move(responder));
  });
  return trigger;
}

UrlTrigger::UrlTrigger(Options options, http::RouteTable& routes, KeyStore& keys, EventSink& sink,
                       Executor& executor, Random& random)
    : options_(std::move(options)),
      routes_(routes),
      executor_(executor),
      documents_("url", keys),
      invoker_(options_.identity, sink, executor.clock(), random) {}

Result<EndpointConfig> UrlTrigger::Read(const std::string& name, std::string_view json) {
  HEARTH_ASSIGN(EndpointConfig config, DecodeEndpointConfig(json));
  if (NameOf(config) != name) {
    return Error{ErrorCode::kInvalidArgument,
                 "the URL " + Quoted(name) + " names the function " + Quoted(NameOf(config))};
  }
  if (!config.route.empty()) return Error{ErrorCode::kInvalidArgument, "Route: a function URL has none"};
  const EndpointConfig* old = documents_.Find(name);
  config.url_id = old ? old->url_id : invoker_.NewUrlId();
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
  documents_.Store(
      name, *config,
      [this, weak = weak_.Get(), name, id = config->url_id, reply = std::move(reply)](Status stored) {
        if (!weak) return;
        if (!stored.ok()) return reply(stored.error());
        names_by_id_[id] = name;
        reply(Get(name));
      });
}

void UrlTrigger::Remove(std::string name, Done done) {
  const EndpointConfig* config = documents_.Find(name);
  const std::string id = config ? config->url_id : "";
  documents_.Remove(std::move(name), [this, weak = weak_.Get(), id, done = std::move(done)](Status removed) {
    if (!weak) return;
    if (removed.ok()) names_by_id_.erase(id);
    done(std::move(removed));
  });
}

Trigger::Document UrlTrigger::DocumentOf(const std::string& name, const EndpointConfig& config) const {
  const std::string host = config.url_id + std::string(kHostMark) + options_.identity.region;
  const size_t colon = options_.advertised.rfind(':');
  const std::string port = colon == std::string::npos ? "" : options_.advertised.substr(colon);
  return {name, EncodeEndpointConfig(config),
          "{\"State\":\"Active\",\"FunctionUrl\":\"http://" + host + ".localhost" + port +
              "/\",\"PathUrl\":\"http://" + options_.advertised + std::string(kPathMount) + "/" + name +
              "/\"}"};
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
  documents_.Load(
      [this](const std::string& name, const EndpointConfig& config) {
        names_by_id_[config.url_id] = name;
        return Ok();
      },
      std::move(started));
}

void UrlTrigger::Drain(std::function<void()> drained) { invoker_.Drain(std::move(drained)); }

bool UrlTrigger::IsForUrlHost(const http::Request& request) { return !UrlIdOf(request).empty(); }

void UrlTrigger::ServeByHost(http::Request request, http::Responder responder) {
  const std::string id = UrlIdOf(request);
  const auto name = names_by_id_.find(id);
  const EndpointConfig* config = name == names_by_id_.end() ? nullptr : documents_.Find(name->second);
  if (!config) {
    return invoker_.Refuse(403, "no function has the URL of host " + Quoted(request.headers.Get("host")),
                           "AccessDeniedException", std::move(responder));
  }
  HttpInvoker::Mount mount;
  mount.api_id = config->url_id;
  mount.raw_path = request.raw_path;
  invoker_.Serve(*config, std::move(mount), std::move(request), std::move(responder));
}

void UrlTrigger::ServeByPath(http::Request request, http::Responder responder) {
  if (IsForUrlHost(request)) return ServeByHost(std::move(request), std::move(responder));
  std::string_view rest = request.raw_path;
  rest.remove_prefix(std::min(rest.size(), kPathMount.size() + 1));
  const std::string_view segment = rest.substr(0, rest.find('/'));
  const std::string name = http::PercentDecode(segment).value_or("");
  const EndpointConfig* config = documents_.Find(name);
  if (!config) {
    return invoker_.Refuse(
        403, "function " + Quoted(name) + " has no URL; give it one with CreateFunctionUrlConfig",
        "AccessDeniedException", std::move(responder));
  }
  HttpInvoker::Mount mount;
  mount.api_id = config->url_id;
  mount.raw_path = segment.size() == rest.size() ? "/" : std::string(rest.substr(segment.size()));
  invoker_.Serve(*config, std::move(mount), std::move(request), std::move(responder));
}

void UrlTrigger::ServeUnrouted(http::Request request, http::Responder responder) {
  if (IsForUrlHost(request)) return ServeByHost(std::move(request), std::move(responder));
  const std::string allow = routes_.Find(request.method, request.raw_path).allow;
  if (allow.empty()) {
    return invoker_.Refuse(404, "no route matches " + request.method + " " + request.path,
                           "NotFoundException", std::move(responder));
  }
  http::Response response = http::Response::Json(
      405, "{\"message\":\"this path allows " + allow + "\",\"errorType\":\"MethodNotAllowedException\"}");
  response.headers.Set("allow", allow);
  responder.Send(std::move(response));
}

}  // namespace hearth
