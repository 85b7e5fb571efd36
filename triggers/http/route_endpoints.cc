#include "triggers/http/route_endpoints.h"

#include <utility>

namespace hearth {

RouteEndpoints::RouteEndpoints(HttpInvoker::Identity identity, http::RouteTable& routes, UrlEndpoints& urls,
                               EventSink& sink, const Clock& clock, Random& random)
    : routes_(routes), urls_(urls), invoker_(std::move(identity), sink, clock, random) {}

Result<RouteEndpoints::Mounted> RouteEndpoints::Mount(const std::string& name, const std::string& route) {
  const auto old = mounted_.find(name);
  if (old != mounted_.end() && old->second.route == route) return Mounted{};
  HEARTH_ASSIGN(
      http::RouteLease lease,
      routes_.Add(route, [weak = weak_.Get(), name](http::Request&& request, http::Responder responder) {
        if (weak) weak->Serve(name, std::move(request), std::move(responder));
      }));
  return Mounted{route, std::move(lease)};
}

void RouteEndpoints::Set(const std::string& name, const EndpointConfig* config, Mounted mounted) {
  if (config == nullptr) {
    configs_.erase(name);
    mounted_.erase(name);
    return;
  }
  configs_[name] = *config;
  if (!mounted.route.empty()) mounted_[name] = std::move(mounted);
}

void RouteEndpoints::Serve(const std::string& name, http::Request&& request, http::Responder responder) {
  if (UrlEndpoints::IsForUrlHost(request)) return urls_.ServeByHost(std::move(request), std::move(responder));
  const auto config = configs_.find(name);
  if (config == configs_.end()) {
    return invoker_.Refuse(404, "route \"" + name + "\" is not there any more", "NotFoundException",
                           std::move(responder));
  }
  HttpInvoker::Mount mount;
  mount.api_id = name;
  mount.route_key = config->second.route;
  mount.raw_path = request.raw_path;
  for (const http::PathParameter& parameter : request.parameters)
    mount.path_parameters[parameter.name] = parameter.value;
  invoker_.Serve(config->second, mount, std::move(request), std::move(responder));
}

}  // namespace hearth
