#include "runtime/http/message.h"

#include <algorithm>

namespace hearth::http {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

constexpr std::string_view kColon = ": ", kLineEnd = "\r\n";
// Of a client that is no browser, and of most answers: room for these at once.
constexpr size_t kUsualBytes = 256, kUsualHeaders = 8;
// A connection that is idle holds no more than these of what its last request needed: a browser's headers, and little
// enough for ten thousand connections.
constexpr size_t kKeptBytes = 512, kKeptHeaders = 16, kKeptParameters = 4;

// Only a swap gives memory back: an empty string that is assigned leaves it.
void Empty(std::string& text) {
  if (text.capacity() > kKeptBytes) std::string().swap(text);
  text.clear();
}

}  // namespace

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

Headers::Headers(std::initializer_list<Header> headers) {
  for (const Header& header : headers) Add(header.name, header.value);
}

// Name and value may lie in the text itself.
void Headers::Add(std::string_view name, std::string_view value) {
  const size_t bytes = name.size() + value.size() + kColon.size() + kLineEnd.size();
  std::string grown;
  const bool grows = text_.size() + bytes > text_.capacity();
  if (grows) {
    grown.reserve(std::max(text_.size() + bytes, kUsualBytes + 2 * text_.size()));
    grown = text_;
  }
  if (places_.empty()) places_.reserve(kUsualHeaders);
  places_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()),
                     static_cast<uint32_t>(value.size())});
  std::string& to = grows ? grown : text_;
  to.append(name).append(kColon).append(value).append(kLineEnd);
  if (grows) text_.swap(grown);
}

void Headers::AddLowerCase(std::string_view name, std::string_view value) {
  Add(name, value);
  char* at = text_.data() + places_.back().line;
  for (char* const end = at + name.size(); at != end; ++at) *at = Lower(*at);
}

void Headers::Set(std::string_view name, std::string_view value) {
  const size_t before = places_.size();
  Add(name, value);  // first: both may lie in what is removed
  RemoveIf([&](size_t index, const Header& header) {
    return index < before && EqualIgnoringCase(header.name, (*this)[places_.size() - 1].name);
  });
}

void Headers::Remove(std::string_view name) {
  RemoveIf([&](size_t, const Header& header) { return EqualIgnoringCase(header.name, name); });
}

void Headers::RemoveBeginningWith(std::string_view prefix) {
  RemoveIf([&](size_t, const Header& header) { return header.name.starts_with(prefix); });
}

template <class Predicate>
void Headers::RemoveIf(const Predicate& goes) {
  bool any = false;
  for (size_t index = 0; index < places_.size() && !any; ++index) any = goes(index, (*this)[index]);
  if (!any) return;
  Headers left;
  for (size_t index = 0; index < places_.size(); ++index) {
    const Header header = (*this)[index];
    if (!goes(index, header)) left.Add(header.name, header.value);
  }
  *this = std::move(left);
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (const Place& place : places_) {
    if (place.name_bytes != name.size()) continue;
    if (const Header header = At(place); EqualIgnoringCase(header.name, name)) return header.value;
  }
  return std::nullopt;
}

std::string_view Headers::Get(std::string_view name) const { return Find(name).value_or(std::string_view()); }

size_t Headers::CountOf(std::string_view name) const {
  return static_cast<size_t>(std::count_if(
      begin(), end(), [&](const Header& header) { return EqualIgnoringCase(header.name, name); }));
}

void Headers::Clear() {
  Empty(text_);
  if (places_.capacity() > kKeptHeaders) Places().swap(places_);
  places_.clear();
}

void Request::Clear() {
  for (std::string* text : {&method, &target, &path, &raw_path, &raw_query, &body, &peer_address, &route})
    Empty(*text);
  headers.Clear();
  version = 11;
  keep_alive = true;
  if (parameters.capacity() > kKeptParameters) std::vector<PathParameter>().swap(parameters);
  parameters.clear();
}

Response Response::Json(int status, std::string body) {
  return {status, Headers{{"content-type", "application/json"}}, std::move(body)};
}

Response Response::Text(int status, std::string body) {
  return {status, Headers{{"content-type", "text/plain; charset=utf-8"}}, std::move(body)};
}

std::string_view StatusText(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 418:
      return "I'm a teapot";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 511:
      return "Network Authentication Required";
    default:
      return "Unknown";
  }
}

}  // namespace hearth::http
