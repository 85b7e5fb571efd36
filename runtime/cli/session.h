#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/base/result.h"
#include "runtime/cli/http_client.h"

namespace hearth::cli {

// Members keep the order that the daemon sent them in.
using Json = nlohmann::ordered_json;

enum class OutputForm { kHuman, kJson };

// What a verb works with: the daemon's API, and where to print. For one command.
//
// Borrows: the streams.
// Failure: what the daemon refuses is an Error with its own words and the exception's name; see
//          CheckAnswer().
class Session final {
 public:
  Session(HttpClient client, OutputForm form, std::ostream& out, std::ostream& err)
      : client_(std::move(client)), form_(form), out_(out), err_(err) {}

  // Any API call. `body` null sends none; an answer without a body is {}.
  Result<Json> Ask(const std::string& method, const std::string& target, const Json& body = nullptr) const;
  // An operation of SQS's JSON protocol: "SendMessage".
  Result<Json> AskSqs(const std::string& operation, const Json& request) const;
  // All pages of one of Lambda's lists, as one page.
  Result<Json> AskPages(const std::string& target, const std::string& member) const;
  const HttpClient& client() const { return client_; }

  bool wants_json() const { return form_ == OutputForm::kJson; }
  void PrintJson(const Json& value) const;
  void PrintLine(const std::string& line) const { out_ << line << '\n'; }
  void Note(const std::string& line) const { err_ << line << '\n'; }  // for people, beside the result
  std::ostream& out() const { return out_; }
  std::ostream& err() const { return err_; }

 private:
  const HttpClient client_;
  const OutputForm form_;
  std::ostream& out_;
  std::ostream& err_;
};

// Ok for 2xx. Lambda's and SQS's errors both: 404 is kNotFound, 409 kConflict, 429 kThrottled, 403
// kUnauthorized, 413 kTooLarge, other 4xx kPrecondition, 5xx kUnavailable.
Status CheckAnswer(const HttpAnswer& answer);

// Reads what another program wrote; kCorrupt when it is not JSON.
Result<Json> ParseJson(const std::string& text, const std::string& what);
std::string DumpJson(const Json& value);
// A member as text: strings as they are, "" when it is absent, anything else as JSON.
std::string TextOf(const Json& object, const char* member);
double NumberOf(const Json& object, const char* member);
std::string FunctionPath(const std::string& name);  // "/2015-03-31/functions/NAME", encoded

}  // namespace hearth::cli
