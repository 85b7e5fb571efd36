#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/base/base64.h"
#include "runtime/base/json_depth.h"
#include "runtime/base/json_scan.h"
#include "runtime/base/json_walk.h"
#include "triggers/http/http_answer.h"

namespace hearth {
namespace {

using nlohmann::json;

constexpr std::string_view kJsonType = "application/json";
// How soon a throttled client may come back: about the time in which a worker is forked, rounded up to what
// the header can say.
constexpr std::string_view kRetryAfterSeconds = "1";

Error NotAnAnswer(std::string message) {
  return {ErrorCode::kInvalidArgument, "the handler's answer: " + std::move(message)};
}

bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), IsTokenCharacter);
}

// A line break here would let a handler's data forge headers, or a whole second response.
bool IsHeaderValue(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// Those are between us and the client: a handler's own would break the framing.
bool IsConnectionHeader(std::string_view name) {
  constexpr std::array<std::string_view, 8> kNames = {
      "connection", "content-length", "keep-alive", "transfer-encoding",
      "upgrade",    "trailer",        "te",         "proxy-connection",
  };
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view one) {
    return one.size() == name.size() && http::EqualIgnoringCase(one, name);
  });
}

// What a value of the handler's is as text: a string itself, anything else as our JSON library writes it.
std::string TextOf(std::string_view raw) {
  if (raw.starts_with('"')) return JsonStringText(raw);
  return json::parse(raw, nullptr, /*allow_exceptions=*/false)
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Status AddHeader(HttpAnswer& answer, std::string_view name, std::string_view value) {
  if (!IsHeaderName(name)) return NotAnAnswer("\"" + std::string(name) + "\" is not the name of a header");
  if (!IsHeaderValue(value))
    return NotAnAnswer("header \"" + std::string(name) + "\" contains a line break or NUL");
  if (!IsConnectionHeader(name)) answer.headers.AddLowerCase(name, value);
  return Ok();
}

// What is looked at in an answer with `statusCode`, as it is written; "": it is not there. Of members that stand there
// more than once the last one counts.
struct ResponseMembers {
  std::string_view status, headers, cookies, body, is_base64;
};

ResponseMembers MembersOf(std::string_view object) {
  ResponseMembers members;
  for (JsonWalk walk(object); walk.Next();) {
    const std::string_view raw = walk.raw_name();
    const bool plain = raw.find('\\') == raw.npos;
    const std::string escaped = plain ? std::string() : JsonStringText(raw);
    const std::string_view name = plain ? raw.substr(1, raw.size() - 2) : escaped;
    if (name == "statusCode") members.status = walk.value();
    if (name == "headers") members.headers = walk.value();
    if (name == "cookies") members.cookies = walk.value();
    if (name == "body") members.body = walk.value();
    if (name == "isBase64Encoded") members.is_base64 = walk.value();
  }
  return members;
}

bool IsThere(std::string_view raw) { return !raw.empty() && raw != "null"; }

// By name, each once: of several of one name the last one counts.
std::vector<std::pair<std::string, std::string_view>> MembersByName(std::string_view object) {
  std::vector<std::pair<std::string, std::string_view>> members;
  for (JsonWalk walk(object); walk.Next();)
    members.emplace_back(JsonStringText(walk.raw_name()), walk.value());
  const auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::stable_sort(members.begin(), members.end(), by_name);
  const auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
  members.erase(members.begin(), std::unique(members.rbegin(), members.rend(), same_name).base());
  return members;
}

Status AddHeaders(HttpAnswer& answer, std::string_view headers) {
  if (!IsThere(headers)) return Ok();
  if (!headers.starts_with('{')) return NotAnAnswer("\"headers\" is not an object");
  for (const auto& [name, value] : MembersByName(headers)) {
    if (value.starts_with('{') || value.starts_with('['))
      return NotAnAnswer("header \"" + name + "\" is not a string");
    HEARTH_TRY(AddHeader(answer, name, TextOf(value)));
  }
  return Ok();
}

Status AddCookies(HttpAnswer& answer, std::string_view cookies) {
  if (!IsThere(cookies)) return Ok();
  if (!cookies.starts_with('[')) return NotAnAnswer("\"cookies\" is not an array");
  for (JsonWalk walk(cookies); walk.Next();) {
    if (!walk.value().starts_with('"')) return NotAnAnswer("a cookie is not a string");
    HEARTH_TRY(AddHeader(answer, "set-cookie", JsonStringText(walk.value())));
  }
  return Ok();
}

Status AddBody(HttpAnswer& answer, const ResponseMembers& members) {
  if (!IsThere(members.body)) return Ok();
  answer.body = TextOf(members.body);
  if (members.is_base64 != "true") return Ok();
  auto bytes = Base64Decode(answer.body);
  if (!bytes.ok()) return NotAnAnswer("\"body\" is not base64, though \"isBase64Encoded\" is true");
  answer.body = std::move(bytes).value();
  return Ok();
}

// A number as JSON writes it; 0: none of the three digits that a status has.
int StatusOf(std::string_view raw) {
  int status = 0;
  const auto end = std::from_chars(raw.data(), raw.data() + raw.size(), status).ptr;
  return raw.size() == 3 && end == raw.data() + raw.size() ? status : 0;
}

Result<HttpAnswer> MapResponse(const ResponseMembers& members) {
  HttpAnswer answer;
  answer.status = StatusOf(members.status);
  if (answer.status < 200 || answer.status > 599)
    return NotAnAnswer("statusCode " + TextOf(members.status) + " is not a number from 200 to 599");
  HEARTH_TRY(AddHeaders(answer, members.headers));
  HEARTH_TRY(AddCookies(answer, members.cookies));
  HEARTH_TRY(AddBody(answer, members));
  if (!answer.headers.Find("content-type")) answer.headers.Add("content-type", kJsonType);
  return answer;
}

// By what the handler did: its message stays in the log.
std::string_view FailureMessage(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kTimeout:
      return "Endpoint request timed out";
    case OutcomeKind::kPlatformFault:
    case OutcomeKind::kCancelled:
    case OutcomeKind::kInterrupted:
    case OutcomeKind::kAborted:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

int FailureStatus(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kTimeout:
    case OutcomeKind::kInitTimeout:
      return 504;
    case OutcomeKind::kThrottled:
      return 429;
    case OutcomeKind::kPlatformFault:
    case OutcomeKind::kCancelled:
    case OutcomeKind::kInterrupted:
    case OutcomeKind::kAborted:
      return 503;
    default:
      return 502;
  }
}

struct Problem {
  int status;
  std::string_view type;
};

Problem ProblemOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return {400, "BadRequestException"};
    case ErrorCode::kUnauthorized:
      return {403, "AccessDeniedException"};
    case ErrorCode::kNotFound:
      return {404, "ResourceNotFoundException"};
    case ErrorCode::kTooLarge:
      return {413, "RequestTooLargeException"};
    case ErrorCode::kThrottled:
      return {429, "TooManyRequestsException"};
    case ErrorCode::kTimedOut:
      return {504, "TimeoutException"};
    case ErrorCode::kUnavailable:
      return {503, "ServiceUnavailableException"};
    default:
      return {500, "ServiceException"};
  }
}

}  // namespace

namespace {

Error NotJson() {
  return NotAnAnswer("it is not JSON; a handler that answers something else names its content type");
}

// Valid, and all of its numbers within a double's range.
bool IsWhole(std::string_view text, const JsonScan& scan) {
  return scan.verdict == JsonScan::Verdict::kValid && (!scan.may_pass_double || json::accept(text));
}

Result<HttpAnswer> PlainAnswer(std::string_view content_type, std::string body) {
  HttpAnswer answer;
  HEARTH_TRY(AddHeader(answer, "content-type", content_type.empty() ? kJsonType : content_type));
  answer.body = std::move(body);
  return answer;
}

}  // namespace

std::optional<SplitAnswer> SplitPrelude(std::string_view bytes) {
  const size_t end = bytes.find(std::string_view("\0\0\0\0\0\0\0\0", 8));
  if (end == std::string_view::npos) return std::nullopt;
  return SplitAnswer{bytes.substr(0, end), bytes.substr(end + 8)};
}

Result<HttpAnswer> HeadFromPrelude(std::string_view prelude) {
  if (NestsDeeperThan(prelude, kForeignJsonDepthMax)) return NotAnAnswer("its prelude is nested too deep");
  prelude = prelude.substr(0, prelude.find('\0'));  // of the zeros behind it there may be more than eight
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (prelude.starts_with(kByteOrderMark)) prelude.remove_prefix(kByteOrderMark.size());
  const JsonScan scan = ScanJson(prelude, kForeignJsonDepthMax);
  if (!IsWhole(prelude, scan) || scan.root != JsonScan::Root::kObject)
    return NotAnAnswer("its prelude is no JSON object");
  ResponseMembers members = MembersOf(prelude);
  members.body = {};
  if (members.status.empty()) members.status = "200";
  return MapResponse(members);
}

Result<HttpAnswer> AnswerFromPayload(std::string payload, std::string_view content_type) {
  if (content_type == kPreludeContentType) {
    const auto split = SplitPrelude(payload);
    if (!split) return NotAnAnswer("its prelude has no end");
    HEARTH_ASSIGN(HttpAnswer answer, HeadFromPrelude(split->prelude));
    answer.body = split->body;
    return answer;
  }
  const bool says_json = content_type.empty() || content_type.find("json") != std::string_view::npos;
  if (!says_json) return PlainAnswer(content_type, std::move(payload));
  // Most answers are passed on as they came: only what must be read is built.
  const JsonScan scan = ScanJson(payload, kForeignJsonDepthMax, "statusCode");
  if (scan.verdict == JsonScan::Verdict::kTooDeep) {
    return NotAnAnswer("it is nested more than " + std::to_string(kForeignJsonDepthMax) + " levels deep");
  }
  if (scan.verdict == JsonScan::Verdict::kMalformed) return NotJson();
  const bool is_string = scan.root == JsonScan::Root::kString;
  if (!is_string && !scan.may_have_member) return PlainAnswer(content_type, std::move(payload));
  if (is_string) {
    const size_t begin = payload.find('"'), end = payload.rfind('"');
    return PlainAnswer(content_type,
                       JsonStringText(std::string_view(payload).substr(begin, end + 1 - begin)));
  }
  if (!IsWhole(payload, scan)) return NotJson();
  const ResponseMembers members = MembersOf(payload);
  if (members.status.empty()) return PlainAnswer(content_type, std::move(payload));
  return MapResponse(members);
}

HttpAnswer ProblemAnswer(int status, std::string_view message, std::string_view error_type,
                         std::string_view request_id) {
  nlohmann::ordered_json body;
  body["message"] = message;
  body["errorType"] = error_type;
  body["requestId"] = request_id;
  HttpAnswer answer{.status = status};
  answer.headers.Add("content-type", kJsonType);
  if (IsHeaderValue(error_type)) answer.headers.Add("x-amzn-errortype", error_type);
  answer.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  if (status == 429 || status == 503) answer.headers.Add("retry-after", kRetryAfterSeconds);
  return answer;
}

HttpAnswer AnswerFromOutcome(Outcome outcome, const RequestId& request_id) {
  if (!outcome.ok()) {
    return ProblemAnswer(FailureStatus(outcome.kind), FailureMessage(outcome.kind), outcome.error.type,
                         request_id.text());
  }
  auto answer = AnswerFromPayload(std::move(outcome.payload), outcome.content_type);
  if (answer.ok()) return std::move(answer).value();
  return ProblemAnswer(502, "Internal Server Error: " + answer.error().message, "Runtime.InvalidHttpResponse",
                       request_id.text());
}

HttpAnswer AnswerFromError(const Error& error, const RequestId& request_id) {
  const Problem problem = ProblemOf(error.code);
  return ProblemAnswer(problem.status, error.message, problem.type, request_id.text());
}

}  // namespace hearth
