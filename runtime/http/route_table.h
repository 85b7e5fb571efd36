#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/http/message.h"
#include "runtime/http/responder.h"

namespace hearth::http {

// Called on the loop when a request is complete. It answers within the call or later. The request is there until the
// call returns: a handler that needs it longer moves it away; one that only looks leaves its memory for the next.
using Handler = std::function<void(Request&& request, Responder responder)>;

// Takes the body of one request as it comes, so that nobody holds it whole. Owned by the connection until OnEnd().
//
// Destroyed without OnEnd() the request broke off: what was taken is to be forgotten.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // A response refuses the rest; the connection then closes.
  virtual std::optional<Response> OnBytes(std::string bytes) = 0;
  // Reading stops while it is full; it calls `resume` when it no longer is.
  virtual bool full() const = 0;
  // The body was whole. It may keep itself alive from here on.
  virtual void OnEnd(std::unique_ptr<BodySink> self, Responder responder) = 0;
};

// Asked once a request's head is there: nothing (the handler gets the request whole, as ever), an answer that
// refuses it before its body is read, or who takes the body in the handler's place.
using BodyChoice = std::variant<std::monostate, Response, std::unique_ptr<BodySink>>;
using BodyReceiver = std::function<BodyChoice(const Request& head, std::function<void()> resume)>;

struct RouteOptions {
  std::optional<Bytes> body_max{};  // instead of the server's
  BodyReceiver receive{};           // may be empty
};

struct Route {
  std::string method;   // "GET", ...; "ANY"
  std::string pattern;  // "/thumbs/{name}"
  std::vector<std::string> parameters;
  Handler handler;
  RouteOptions options;

  std::string Name() const { return method + " " + pattern; }
};

struct RouteMatch {
  std::shared_ptr<const Route> route;  // null: nothing matches
  std::vector<PathParameter> parameters;
  std::string allow;  // when no route matches for the method alone: the methods there are, "GET, POST"
};

class RouteTable;

// Keeps routes mounted; they are gone when it goes. May outlive the table.
class RouteLease final {
 public:
  RouteLease() = default;
  RouteLease(RouteLease&& other) noexcept
      : table_(std::move(other.table_)), routes_(std::move(other.routes_)) {}
  RouteLease& operator=(RouteLease&& other) noexcept;
  ~RouteLease() { Release(); }
  void Release();

 private:
  friend class RouteTable;
  WeakPtr<RouteTable> table_;
  std::vector<std::shared_ptr<const Route>> routes_;
};

// Which handler answers a request. A pattern is literal segments, parameters that take one non-empty segment
// ("/a/{name}") and, last, one that takes all the rest ("/a/{proxy+}", at least one character). Segments are
// compared percent-decoded, so an encoded slash never splits one. The most specific route that also has the
// method wins: at each segment literal before parameter before rest; a method before ANY. HEAD falls back to
// GET.
//
// Owns:    the routes. Owned by the daemon; triggers and control mount on it.
// Thread:  loop thread only.
// Limits:  kSegmentsMax in a pattern.
// Failure: Add() refuses a pattern it cannot read, and (kAlreadyExists, naming both) one of the shape and
//          method of another.
class RouteTable final {
 public:
  static constexpr size_t kSegmentsMax = 64;

  RouteTable();
  ~RouteTable();
  // `route` is "METHOD /pattern".
  [[nodiscard]] Result<RouteLease> Add(std::string_view route, Handler handler, RouteOptions options = {});
  // Everything at and below `prefix` ("/2015-03-31"), for any method.
  [[nodiscard]] Result<RouteLease> AddPrefix(std::string_view prefix, Handler handler,
                                             RouteOptions options = {});
  // Answers what no route matches, in place of 404 and 405; an empty one gives these back.
  void SetFallback(Handler handler, RouteOptions options = {});

  RouteMatch Find(std::string_view method, std::string_view raw_path) const;
  // The same, into the memory of one before.
  void Find(std::string_view method, std::string_view raw_path, RouteMatch& match) const;
  std::vector<std::string> Names() const;

 private:
  friend class RouteLease;
  struct Node;
  struct Search;

  Status Insert(const std::shared_ptr<const Route>& route);
  void Remove(const Route& route);

  std::unique_ptr<Node> root_;
  std::shared_ptr<const Route> fallback_;
  WeakPtrFactory<RouteTable> weak_{this};
};

}  // namespace hearth::http
