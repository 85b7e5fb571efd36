#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::http {

struct Header {
  std::string name;
  std::string value;
};

// Headers in the order they came; a name may stand more than once. Names compare without regard to case.
class Headers final {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> headers) : headers_(headers) {}

  void Reserve(size_t headers) { headers_.reserve(headers); }
  void Add(std::string name, std::string value) { headers_.push_back({std::move(name), std::move(value)}); }
  void Set(std::string name, std::string value);  // in place of all of that name
  void Remove(std::string_view name);
  const std::string* Find(std::string_view name) const;  // the first; null when there is none
  std::string_view Get(std::string_view name) const;     // the first; empty when there is none
  size_t CountOf(std::string_view name) const;

  size_t size() const { return headers_.size(); }
  auto begin() const { return headers_.begin(); }
  auto end() const { return headers_.end(); }

 private:
  std::vector<Header> headers_;
};

struct PathParameter {
  std::string name;
  std::string value;  // percent-decoded
};

// One request, complete with its body. Values as they came unless said otherwise.
struct Request {
  std::string method;  // "GET"; upper or lower case as sent (methods are case-sensitive)
  std::string target;  // origin form: "/thumbs/a%20b?size=2"
  std::string path;    // percent-decoded, without the query: "/thumbs/a b"; "." and ".." are left as they are
  std::string raw_path;   // "/thumbs/a%20b"
  std::string raw_query;  // "size=2"
  Headers headers;        // names in lower case, values without the blanks around them
  std::string body;       // chunks joined
  int version = 11;       // 10 or 11
  bool keep_alive = true;
  std::string peer_address;  // "127.0.0.1"

  std::string route;  // the pattern that matched, "GET /thumbs/{name}"; empty for the fallback
  std::vector<PathParameter> parameters;
};

// The server adds date, content-length and connection; transfer-encoding, content-length, keep-alive, upgrade
// and trailer given here are dropped. "connection: close" is honoured. A header that is not a legal one makes
// the answer a 500.
struct Response {
  int status = 200;
  Headers headers{};
  std::string body{};

  static Response Json(int status, std::string body);
  static Response Text(int status, std::string body);
};

bool EqualIgnoringCase(std::string_view a, std::string_view b);
// "Not Found"; "Unknown" for a status that has no name.
std::string_view StatusText(int status);

}  // namespace hearth::http
