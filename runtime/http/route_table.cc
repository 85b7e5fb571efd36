#include "runtime/http/route_table.h"

#include <algorithm>
#include <array>

#include "runtime/http/target.h"

namespace hearth::http {
namespace {

enum class SegmentKind { kLiteral, kParameter, kRest };

struct Segment {
  SegmentKind kind = SegmentKind::kLiteral;
  std::string text;  // the literal, decoded; or the parameter's name
};

struct Pattern {
  std::string method;
  std::string path;
  std::vector<Segment> segments;
};

bool IsParameterName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

std::optional<Segment> ParseSegment(std::string_view text) {
  if (text.find_first_of("{}") == std::string_view::npos) {
    auto literal = PercentDecode(text);
    if (!literal) return std::nullopt;
    return Segment{SegmentKind::kLiteral, std::move(*literal)};
  }
  if (!text.starts_with('{') || !text.ends_with('}')) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  const bool rest = text.ends_with('+');
  if (rest) text.remove_suffix(1);
  if (!IsParameterName(text)) return std::nullopt;
  return Segment{rest ? SegmentKind::kRest : SegmentKind::kParameter, std::string(text)};
}

Result<Pattern> ParsePattern(std::string_view route) {
  const auto wrong = [&](const std::string& why) {
    return Error{ErrorCode::kInvalidArgument, "route '" + std::string(route) + "': " + why};
  };
  const size_t blank = route.find(' ');
  if (blank == 0 || blank == std::string_view::npos)
    return wrong("write METHOD /path, such as GET /thumbs/{name}");
  Pattern out{std::string(route.substr(0, blank)), std::string(route.substr(blank + 1)), {}};
  if (!std::all_of(out.method.begin(), out.method.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return wrong("the method is not in upper-case letters");
  }
  if (!out.path.starts_with('/')) return wrong("the path does not begin with '/'");
  if (out.path.find_first_of("? #") != std::string::npos)
    return wrong("the path has a '?', a '#' or a blank");
  for (std::string_view rest = out.path; !rest.empty();) {
    const size_t end = std::min(rest.find('/', 1), rest.size());
    auto segment = ParseSegment(rest.substr(1, end - 1));
    if (!segment)
      return wrong("segment '" + std::string(rest.substr(1, end - 1)) +
                   "' is neither a literal nor {name} nor {name+}");
    if (segment->kind == SegmentKind::kRest && end != rest.size())
      return wrong("{name+} stands before the end");
    out.segments.push_back(std::move(*segment));
    rest.remove_prefix(end);
  }
  if (out.segments.size() > RouteTable::kSegmentsMax) {
    return wrong("over " + std::to_string(RouteTable::kSegmentsMax) + " segments, which is the limit");
  }
  return out;
}

using MethodRoutes = std::vector<std::shared_ptr<const Route>>;

std::shared_ptr<const Route> RouteOf(const MethodRoutes& routes, std::string_view method) {
  for (const auto& route : routes) {
    if (route->method == method) return route;
  }
  return nullptr;
}

std::shared_ptr<const Route> RouteFor(const MethodRoutes& routes, std::string_view method) {
  if (routes.empty()) return nullptr;
  auto route = RouteOf(routes, method);
  if (!route) route = RouteOf(routes, "ANY");
  if (!route && method == "HEAD") route = RouteOf(routes, "GET");
  return route;
}

}  // namespace

struct RouteTable::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  MethodRoutes here;  // patterns that end here
  MethodRoutes rest;  // patterns that end with {name+} below here

  template <class Call>
  void ForEachRoute(const Call& call) const {
    std::for_each(here.begin(), here.end(), call);
    std::for_each(rest.begin(), rest.end(), call);
    for (const auto& [text, child] : literals) child->ForEachRoute(call);
    if (parameter) parameter->ForEachRoute(call);
  }

  // Where routes of this pattern are kept; made on the way.
  MethodRoutes& Slot(const std::vector<Segment>& segments) {
    Node* node = this;
    for (const Segment& segment : segments) {
      if (segment.kind == SegmentKind::kRest) return node->rest;
      auto& child = segment.kind == SegmentKind::kLiteral ? node->literals[segment.text] : node->parameter;
      if (!child) child = std::make_unique<Node>();
      node = child.get();
    }
    return node->here;
  }
};

// One walk down the tree, with the way back. Visits a node at most once.
struct RouteTable::Search {
  explicit Search(std::string_view wanted) : method(wanted) {}

  std::string_view method;
  struct Captured {  // raw
    const char* begin;
    size_t bytes;
  };
  std::array<Captured, kSegmentsMax> captured;  // as many as parameters lie on the way here
  size_t captures = 0;
  std::vector<std::string> methods_seen{};

  void Capture(std::string_view text) { captured[captures++] = {text.data(), text.size()}; }

  std::shared_ptr<const Route> Take(const MethodRoutes& routes) {
    auto route = RouteFor(routes, method);
    if (!route) {
      for (const auto& other : routes) methods_seen.push_back(other->method);
    }
    return route;
  }

  // `rest` is empty or begins with '/'.
  std::shared_ptr<const Route> Walk(const Node& node, std::string_view rest) {
    if (rest.empty()) return Take(node.here);
    const size_t end = std::min(rest.find('/', 1), rest.size());
    const std::string_view segment = rest.substr(1, end - 1);
    const std::string_view below = rest.substr(end);
    if (auto route = WalkLiteral(node, segment, below)) return route;
    if (node.parameter && !segment.empty()) {
      Capture(segment);
      if (auto route = Walk(*node.parameter, below)) return route;
      --captures;
    }
    if (node.rest.empty() || rest.size() < 2) return nullptr;
    auto route = Take(node.rest);
    if (route) Capture(rest.substr(1));
    return route;
  }

  std::shared_ptr<const Route> WalkLiteral(const Node& node, std::string_view segment,
                                           std::string_view below) {
    if (node.literals.empty()) return nullptr;
    auto found = node.literals.end();
    if (segment.find('%') == std::string_view::npos) {
      found = node.literals.find(segment);
    } else if (const auto decoded = PercentDecode(segment)) {
      found = node.literals.find(*decoded);
    }
    return found == node.literals.end() ? nullptr : Walk(*found->second, below);
  }

  // "GET, HEAD, POST"
  std::string Allow() {
    if (std::count(methods_seen.begin(), methods_seen.end(), "GET") > 0) methods_seen.push_back("HEAD");
    std::sort(methods_seen.begin(), methods_seen.end());
    methods_seen.erase(std::unique(methods_seen.begin(), methods_seen.end()), methods_seen.end());
    std::string out;
    for (const std::string& seen : methods_seen) out += (out.empty() ? "" : ", ") + seen;
    return out;
  }
};

RouteTable::RouteTable() : root_(std::make_unique<Node>()) {}
RouteTable::~RouteTable() = default;

Status RouteTable::Insert(const std::shared_ptr<const Route>& route) {
  HEARTH_ASSIGN(const Pattern pattern, ParsePattern(route->Name()));
  MethodRoutes& slot = root_->Slot(pattern.segments);
  if (const auto other = RouteOf(slot, route->method)) {
    return Error{ErrorCode::kAlreadyExists, "route '" + route->Name() + "' conflicts with '" + other->Name() +
                                                "': both match the same requests; change or remove one"};
  }
  slot.push_back(route);
  return Ok();
}

Result<RouteLease> RouteTable::Add(std::string_view route, Handler handler, RouteOptions options) {
  HEARTH_ASSIGN(Pattern pattern, ParsePattern(route));
  auto added = std::make_shared<Route>(Route{pattern.method, pattern.path, {}, std::move(handler), options});
  for (const Segment& segment : pattern.segments) {
    if (segment.kind != SegmentKind::kLiteral) added->parameters.push_back(segment.text);
  }
  HEARTH_TRY(Insert(added));
  RouteLease lease;
  lease.table_ = weak_.Get();
  lease.routes_.push_back(std::move(added));
  return lease;
}

Result<RouteLease> RouteTable::AddPrefix(std::string_view prefix, Handler handler, RouteOptions options) {
  const std::string any =
      "ANY " + std::string(prefix.ends_with('/') ? prefix.substr(0, prefix.size() - 1) : prefix);
  HEARTH_ASSIGN(RouteLease below, Add(any + "/{proxy+}", handler, options));
  HEARTH_ASSIGN(RouteLease slash, Add(any + "/", handler, options));
  below.routes_.insert(below.routes_.end(), slash.routes_.begin(), slash.routes_.end());
  slash.routes_.clear();
  if (any != "ANY ") {
    HEARTH_ASSIGN(RouteLease at, Add(any, std::move(handler), options));
    below.routes_.insert(below.routes_.end(), at.routes_.begin(), at.routes_.end());
    at.routes_.clear();
  }
  return below;
}

void RouteTable::SetFallback(Handler handler, RouteOptions options) {
  if (!handler) {
    fallback_ = nullptr;
    return;
  }
  fallback_ = std::make_shared<const Route>(Route{"", "", {}, std::move(handler), options});
}

// Empty nodes stay: patterns come back, and there are few.
void RouteTable::Remove(const Route& route) {
  const auto pattern = ParsePattern(route.Name());
  CHECK_TRUE(pattern.ok());
  std::erase_if(root_->Slot(pattern->segments), [&](const auto& kept) { return kept.get() == &route; });
}

RouteMatch RouteTable::Find(std::string_view method, std::string_view raw_path) const {
  RouteMatch match;
  Find(method, raw_path, match);
  return match;
}

void RouteTable::Find(std::string_view method, std::string_view raw_path, RouteMatch& match) const {
  Search search(method);
  match.parameters.clear();
  match.allow.clear();
  match.route = raw_path.starts_with('/') ? search.Walk(*root_, raw_path) : nullptr;
  if (!match.route) {
    match.allow = search.Allow();
    match.route = fallback_;
    return;
  }
  CHECK_TRUE(search.captures == match.route->parameters.size());
  for (size_t i = 0; i < search.captures; ++i) {
    const std::string_view raw(search.captured[i].begin, search.captured[i].bytes);
    match.parameters.push_back({match.route->parameters[i], PercentDecode(raw).value_or("")});
  }
}

std::vector<std::string> RouteTable::Names() const {
  std::vector<std::string> names;
  root_->ForEachRoute([&](const std::shared_ptr<const Route>& route) { names.push_back(route->Name()); });
  std::sort(names.begin(), names.end());
  return names;
}

RouteLease& RouteLease::operator=(RouteLease&& other) noexcept {
  if (this != &other) {
    Release();
    table_ = std::move(other.table_);
    routes_ = std::move(other.routes_);
    other.routes_.clear();
  }
  return *this;
}

void RouteLease::Release() {
  const auto routes = std::exchange(routes_, {});
  if (!table_) return;
  for (const auto& route : routes) table_->Remove(*route);
}

}  // namespace hearth::http
