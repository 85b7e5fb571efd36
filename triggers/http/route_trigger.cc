#include "triggers/http/route_trigger.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr size_t kRouteNameBytesMax = 128;

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Status ValidateRouteName(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (!name.empty() && name.size() <= kRouteNameBytesMax && std::all_of(name.begin(), name.end(), fits))
    return Ok();
  return Invalid("route name " + Quoted(name) + " must be 1 to " + std::to_string(kRouteNameBytesMax) +
                 " letters, digits, '-', '_' and '.'");
}

}  // namespace

RouteTrigger::RouteTrigger(Options options, http::RouteTable& routes, UrlEndpoints& urls, KeyStore& keys,
                           EventSink& sink, Executor& executor, Random& random)
    : options_(std::move(options)),
      executor_(executor),
      documents_("route", keys),
      endpoints_(options_.identity, routes, urls, sink, executor.clock(), random) {}

Result<EndpointConfig> RouteTrigger::Read(const std::string& name, std::string_view json) const {
  HEARTH_TRY(ValidateRouteName(name));
  HEARTH_ASSIGN(EndpointConfig config, DecodeEndpointConfig(json));
  if (config.route.empty()) return Invalid("Route is missing; such as \"GET /thumbs/{name}\"");
  const size_t path = config.route.find(" /");
  if (path == std::string::npos)
    return Invalid("Route " + Quoted(config.route) + " is not of the form \"METHOD /path\"");
  if (config.route.substr(path + 1).starts_with("/_")) {
    return Invalid("Route " + Quoted(config.route) + ": paths that begin with \"/_\" are the runtime's own");
  }
  const EndpointConfig* old = documents_.Find(name);
  config.created = old ? old->created : ToIso8601Millis(executor_.clock().WallNow());
  config.url_id.clear();
  return config;
}

void RouteTrigger::Put(std::string name, std::string json, Reply reply) {
  auto config = Read(name, json);
  auto mounted =
      config.ok() ? endpoints_.Mount(name, config->route) : Result<RouteEndpoints::Mounted>(config.error());
  if (!mounted.ok()) {
    return executor_.Post([weak = weak_.Get(), reply = std::move(reply), error = mounted.error()] {
      if (weak) reply(error);
    });
  }
  // Mounted before it is stored, so that a conflict is found first; until then it answers 404.
  auto fresh = std::make_shared<RouteEndpoints::Mounted>(std::move(mounted).value());
  documents_.Store(name, *config,
                   [this, weak = weak_.Get(), name, fresh, reply = std::move(reply)](Status stored) {
                     if (!weak) return;
                     if (!stored.ok()) return reply(stored.error());
                     Changed(name, documents_.Find(name), std::move(*fresh));
                     reply(Get(name));
                   });
}

void RouteTrigger::Remove(std::string name, Done done) {
  documents_.Remove(name, [this, weak = weak_.Get(), name, done = std::move(done)](Status removed) {
    if (!weak) return;
    if (removed.ok()) Changed(name, nullptr, {});
    done(std::move(removed));
  });
}

void RouteTrigger::Changed(const std::string& name, const EndpointConfig* config,
                           RouteEndpoints::Mounted mounted) {
  endpoints_.Set(name, config, std::move(mounted));
  if (on_changed_) on_changed_(name, config);
}

Trigger::Document RouteTrigger::DocumentOf(const std::string& name, const EndpointConfig& config) const {
  return {name, EncodeEndpointConfig(config),
          "{\"State\":\"Active\",\"Url\":\"http://" + options_.advertised +
              config.route.substr(config.route.find('/')) + "\"}"};
}

Result<Trigger::Document> RouteTrigger::Get(std::string_view name) const {
  if (const EndpointConfig* config = documents_.Find(name)) return DocumentOf(std::string(name), *config);
  return Error{ErrorCode::kNotFound, "there is no route " + Quoted(name)};
}

std::vector<Trigger::Document> RouteTrigger::List() const {
  std::vector<Document> documents;
  for (const auto& [name, config] : documents_.all()) documents.push_back(DocumentOf(name, config));
  return documents;
}

void RouteTrigger::Command(std::string, std::string verb, std::string,
                           std::function<void(Result<std::string>)> reply) {
  executor_.Post([weak = weak_.Get(), reply = std::move(reply), verb = std::move(verb)] {
    if (weak) reply(Error{ErrorCode::kInvalidArgument, "a route knows no command " + Quoted(verb)});
  });
}

void RouteTrigger::ForgetFunction(std::string_view function) {
  for (const std::string& name : documents_.NamesOfFunction(function)) Remove(name, [](const Status&) {});
}

void RouteTrigger::Start(Done started) {
  documents_.Load(
      [this](const std::string& name, const EndpointConfig& config) -> Status {
        HEARTH_ASSIGN(RouteEndpoints::Mounted mounted, endpoints_.Mount(name, config.route));
        Changed(name, &config, std::move(mounted));
        return Ok();
      },
      std::move(started));
}

void RouteTrigger::Drain(std::function<void()> drained) { endpoints_.Drain(std::move(drained)); }

}  // namespace hearth
