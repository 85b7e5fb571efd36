#include "runtime/cli/session.h"

namespace hearth::cli {
namespace {

ErrorCode CodeOf(int status) {
  switch (status) {
    case 403:
      return ErrorCode::kUnauthorized;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 413:
      return ErrorCode::kTooLarge;
    case 429:
      return ErrorCode::kThrottled;
    default:
      return status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kPrecondition;
  }
}

// "com.amazonaws.sqs#QueueDoesNotExist" -> "QueueDoesNotExist", "X:http://..." -> "X"
std::string ShortName(std::string name) {
  name.erase(0, name.find('#') == std::string::npos ? 0 : name.find('#') + 1);
  return name.substr(0, name.find(':'));
}

HttpRequest RequestOf(const std::string& method, const std::string& target, const Json& body) {
  HttpRequest request{.method = method, .target = target};
  if (body.is_null()) return request;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = DumpJson(body);
  return request;
}

Result<Json> JsonOf(const HttpAnswer& answer) {
  HEARTH_TRY(CheckAnswer(answer));
  return answer.body.empty() ? Result<Json>(Json::object()) : ParseJson(answer.body, "the daemon's answer");
}

}  // namespace

Status CheckAnswer(const HttpAnswer& answer) {
  if (answer.status / 100 == 2) return Ok();
  const Json body = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  std::string message;
  for (const char* member : {"message", "Message"}) {
    if (message.empty()) message = TextOf(body, member);
  }
  if (message.empty()) message = answer.body.substr(0, 500);
  std::string name = ShortName(answer.Header("x-amzn-errortype"));
  if (name.empty()) name = ShortName(TextOf(body, "__type"));
  const std::string reason = TextOf(body, "Reason");
  if (!reason.empty()) message += " " + reason + ".";
  return Error{CodeOf(answer.status),
               message + " (" + (name.empty() ? "" : name + ", ") + std::to_string(answer.status) + ")"};
}

Result<Json> Session::Ask(const std::string& method, const std::string& target, const Json& body) const {
  HEARTH_ASSIGN(const HttpAnswer answer, client_.Ask(RequestOf(method, target, body)));
  return JsonOf(answer);
}

Result<Json> Session::AskSqs(const std::string& operation, const Json& sqs_request) const {
  const HttpRequest request{
      .method = "POST",
      .headers = {{"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", "AmazonSQS." + operation}},
      .body = DumpJson(sqs_request)};
  HEARTH_ASSIGN(const HttpAnswer answer, client_.Ask(request));
  return JsonOf(answer);
}

Result<Json> Session::AskPages(const std::string& target, const std::string& member) const {
  Json all = {{member, Json::array()}};
  std::string marker;
  do {
    const char mark = target.find('?') == std::string::npos ? '?' : '&';
    HEARTH_ASSIGN(const Json page,
                  Ask("GET", marker.empty() ? target : target + mark + "Marker=" + PercentEncode(marker)));
    if (page.contains(member)) {
      for (const Json& item : page[member]) all[member].push_back(item);
    }
    marker = TextOf(page, "NextMarker");
  } while (!marker.empty());
  return all;
}

void Session::PrintJson(const Json& value) const { out_ << DumpJson(value) << '\n'; }

Result<Json> ParseJson(const std::string& text, const std::string& what) {
  try {
    return Json::parse(text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
  } catch (const Json::exception& e) {
    return Error{ErrorCode::kCorrupt, what + " is not JSON: " + e.what()};
  }
}

std::string DumpJson(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string TextOf(const Json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : DumpJson(*found);
}

double NumberOf(const Json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

std::string FunctionPath(const std::string& name) { return "/2015-03-31/functions/" + PercentEncode(name); }

}  // namespace hearth::cli
