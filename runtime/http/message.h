#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::http {

// One of a Headers: views into it, good until it changes or goes.
struct Header {
  std::string_view name;
  std::string_view value;
};

// Headers in the order they came; a name may stand more than once. Names compare without regard to case.
//
// All of them lie in one text, line by line as HTTP/1.1 sends them: what a header costs is its bytes.
class Headers final {
  struct Place {
    uint32_t line = 0;  // where it begins in the text
    uint32_t name_bytes = 0;
    uint32_t value_bytes = 0;
  };
  using Places = std::vector<Place>;

 public:
  class Iterator final {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Header;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Header;

    Header operator*() const { return of_->At(*place_); }
    Iterator& operator++() {
      ++place_;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class Headers;
    Iterator(const Headers& of, Places::const_iterator place) : of_(&of), place_(place) {}
    const Headers* of_;
    Places::const_iterator place_;
  };

  Headers() = default;
  Headers(std::initializer_list<Header> headers);

  void Add(std::string_view name, std::string_view value);
  // The same, with the name in lower case.
  void AddLowerCase(std::string_view name, std::string_view value);
  void Set(std::string_view name, std::string_view value);  // in place of all of that name
  void Remove(std::string_view name);
  void RemoveBeginningWith(std::string_view prefix);                  // of names in lower case
  std::optional<std::string_view> Find(std::string_view name) const;  // the first
  std::string_view Get(std::string_view name) const;                  // the first; empty when there is none
  size_t CountOf(std::string_view name) const;
  // Keeps its memory, up to a size that most requests need.
  void Clear();

  size_t size() const { return places_.size(); }
  Header operator[](size_t index) const { return At(places_[index]); }
  Iterator begin() const { return {*this, places_.begin()}; }
  Iterator end() const { return {*this, places_.end()}; }
  // "name: value\r\n", one after the other.
  std::string_view lines() const { return text_; }

 private:
  Header At(const Place& place) const {
    const std::string_view line = std::string_view(text_).substr(place.line);
    return {line.substr(0, place.name_bytes), line.substr(place.name_bytes + 2, place.value_bytes)};
  }
  template <class Predicate>
  void RemoveIf(const Predicate& goes);

  std::string text_;
  Places places_;
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

  // For the next one. Keeps its memory, up to a size that most requests need.
  void Clear();
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
