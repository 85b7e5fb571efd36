#include <chrono>
#include <random>

#include <catch2/catch.hpp>

#include "runtime/http/request_parser.h"

// Whatever bytes come, the parser neither crashes nor depends on how they were cut into pieces. A failure
// prints its seed.

namespace hearth::http {
namespace {

using Step = RequestParser::Step;

const std::string kCorpus[] = {
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\nCookie: a=b; c=d\r\nConnection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n "
    "world\r\n0\r\nT: t\r\n\r\n",
    "PUT /x HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\nabc",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nUpgrade: h2c\r\n\r\n",
    "GET http://h:80/p HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\nX : y\r\n\r\n",
};
const std::string kTokens[] = {"\r\n",
                               "\n",
                               "\r",
                               "\r\n\r\n",
                               ":",
                               " ",
                               "\t",
                               "0",
                               "HTTP/1.1",
                               "Content-Length: 1\r\n",
                               "Transfer-Encoding: chunked\r\n",
                               "%00",
                               ";",
                               ",",
                               "ffffffffffffffff",
                               std::string(1, '\0'),
                               "\xff"};

class Fuzzer {
 public:
  explicit Fuzzer(uint64_t seed) : engine_(seed) {}
  size_t Below(size_t bound) { return bound == 0 ? 0 : engine_() % bound; }

  std::string Input() {
    std::string bytes;
    if (Below(10) == 0) {
      for (size_t left = Below(200); left > 0; --left) bytes += static_cast<char>(Below(256));
      return bytes;
    }
    bytes = kCorpus[Below(std::size(kCorpus))];
    for (size_t left = Below(6); left > 0; --left) Mutate(bytes);
    return bytes;
  }

 private:
  void Mutate(std::string& bytes) {
    const size_t at = Below(bytes.size());
    switch (Below(5)) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(Below(256));
        break;
      case 1:
        bytes.insert(at, kTokens[Below(std::size(kTokens))]);
        break;
      case 2:
        bytes.erase(at, Below(10));
        break;
      case 3:
        bytes.insert(at, bytes.substr(Below(bytes.size()), Below(40)));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
  std::mt19937_64 engine_;
};

void Describe(std::string& log, Request& request) {
  log += "[" + request.method + " " + request.path + " " + request.body + "]";
  log += request.headers.lines();
}

// Everything that came of `bytes`, given in pieces of sizes that `fuzzer` chooses; in one piece without.
std::string Outcome(const std::string& bytes, Fuzzer* fuzzer) {
  const Limits limits{.head_max = 300_B, .body_max = 50_B};
  RequestParser parser(limits);
  std::string log;
  std::string pending;
  for (size_t given = 0; given < bytes.size();) {
    const size_t piece = fuzzer ? 1 + fuzzer->Below(8) : bytes.size();
    pending += bytes.substr(given, piece);
    given += piece;
    for (bool more = true; more;) {
      const auto fed = parser.Feed(pending);
      REQUIRE(fed.consumed <= pending.size());
      pending.erase(0, fed.consumed);
      if (fed.step == Step::kFailed) return log + "failed " + std::to_string(parser.failure().status);
      if (fed.step == Step::kDone) {
        Describe(log, parser.request());
        parser.Next();
      }
      more = fed.step != Step::kNeedMore;
    }
  }
  return log + (parser.AtStart() ? "between" : "within");
}

}  // namespace

TEST_CASE("random and mutated bytes, whole and in pieces", "[http][fuzz]") {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  uint64_t seed = 20261123;
  for (; std::chrono::steady_clock::now() < end; ++seed) {
    Fuzzer fuzzer(seed);
    const std::string bytes = fuzzer.Input();
    INFO("seed " << seed << ": " << bytes);
    const std::string whole = Outcome(bytes, nullptr);
    const std::string pieces = Outcome(bytes, &fuzzer);
    if (whole != pieces) CHECK(whole == pieces);
  }
  CHECK(seed > 20261123 + 100);
}

}  // namespace hearth::http
