#include "triggers/http/url_endpoints.h"

#include "runtime/http/target.h"

namespace hearth {
namespace {

// "ab12.lambda-url.us-east-1.localhost:8080" -> "ab12", else "".
std::string UrlIdOf(const http::Request& request) {
  if (!UrlEndpoints::IsForUrlHost(request)) return "";
  const std::string_view host = request.headers.Get("host");
  std::string id(host.substr(0, host.find('.')));
  for (char& c : id) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return id;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

Result<std::unique_ptr<UrlEndpoints>> UrlEndpoints::Create(HttpInvoker::Identity identity,
                                                           http::RouteTable& routes, EventSink& sink,
                                                           const Clock& clock, Random& random) {
  std::unique_ptr<UrlEndpoints> endpoints(new UrlEndpoints(std::move(identity), routes, sink, clock, random));
  HEARTH_ASSIGN(endpoints->lease_,
                routes.AddPrefix(kPathMount, [weak = endpoints->weak_.Get()](http::Request&& request,
                                                                             http::Responder responder) {
                  if (weak) weak->ServeByPath(std::move(request), std::move(responder));
                }));
  routes.SetFallback([weak = endpoints->weak_.Get()](http::Request&& request, http::Responder responder) {
    if (weak) weak->ServeUnrouted(std::move(request), std::move(responder));
  });
  return endpoints;
}

UrlEndpoints::UrlEndpoints(HttpInvoker::Identity identity, http::RouteTable& routes, EventSink& sink,
                           const Clock& clock, Random& random)
    : routes_(routes), invoker_(std::move(identity), sink, clock, random) {}

void UrlEndpoints::Set(const std::string& name, const EndpointConfig* config) {
  if (const auto old = configs_.find(name); old != configs_.end()) {
    names_by_id_.erase(old->second.url_id);
    configs_.erase(old);
  }
  if (config == nullptr) return;
  names_by_id_[config->url_id] = name;
  configs_[name] = *config;
}

bool UrlEndpoints::IsForUrlHost(const http::Request& request) {
  const std::string_view host = request.headers.Get("host");
  const size_t mark = host.find('.');
  return mark != 0 && mark != host.npos &&
         http::EqualIgnoringCase(host.substr(mark, kHostMark.size()), kHostMark);
}

void UrlEndpoints::ServeByHost(http::Request&& request, http::Responder responder) {
  const auto name = names_by_id_.find(UrlIdOf(request));
  if (name == names_by_id_.end()) {
    return invoker_.Refuse(403, "no function has the URL of host " + Quoted(request.headers.Get("host")),
                           "AccessDeniedException", std::move(responder));
  }
  const EndpointConfig& config = configs_.find(name->second)->second;
  HttpInvoker::Mount mount;
  mount.api_id = config.url_id;
  mount.raw_path = request.raw_path;
  invoker_.Serve(config, mount, std::move(request), std::move(responder));
}

void UrlEndpoints::ServeByPath(http::Request&& request, http::Responder responder) {
  if (IsForUrlHost(request)) return ServeByHost(std::move(request), std::move(responder));
  std::string_view rest = request.raw_path;
  rest.remove_prefix(std::min(rest.size(), kPathMount.size() + 1));
  const std::string_view segment = rest.substr(0, rest.find('/'));
  const bool plain = segment.find('%') == segment.npos;
  const std::string decoded = plain ? std::string() : http::PercentDecode(segment).value_or("");
  const std::string_view name = plain ? segment : decoded;
  const auto config = configs_.find(name);
  if (config == configs_.end()) {
    return invoker_.Refuse(
        403, "function " + Quoted(name) + " has no URL; give it one with CreateFunctionUrlConfig",
        "AccessDeniedException", std::move(responder));
  }
  HttpInvoker::Mount mount;
  mount.api_id = config->second.url_id;
  mount.raw_path = segment.size() == rest.size() ? "/" : rest.substr(segment.size());
  invoker_.Serve(config->second, mount, std::move(request), std::move(responder));
}

void UrlEndpoints::ServeUnrouted(http::Request&& request, http::Responder responder) {
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
