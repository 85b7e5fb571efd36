#include "triggers/bucket/bucket_door.h"

#include <algorithm>
#include <charconv>

#include "runtime/base/digest.h"
#include "runtime/http/error_response.h"
#include "runtime/http/target.h"
#include "triggers/bucket/bucket_door_list_json.h"
#include "triggers/bucket/bucket_listing.h"
#include "triggers/bucket/bucket_put.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

constexpr char kMethods[] = "GET, HEAD, PUT, DELETE";

bool IsRead(const http::Request& request) { return request.method == "GET" || request.method == "HEAD"; }
bool IsWrite(const http::Request& request) { return request.method == "PUT" || request.method == "DELETE"; }

bool HasToken(const http::Request& request, const std::string& token_sha256) {
  if (token_sha256.empty()) return true;
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view authorization = request.headers.Get("authorization");
  if (authorization.size() < kBearer.size() ||
      !http::EqualIgnoringCase(authorization.substr(0, kBearer.size()), kBearer)) {
    return false;
  }
  const Sha256Digest digest = Sha256(authorization.substr(kBearer.size()));
  return ConstantTimeEqual(ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()}),
                           token_sha256);
}

ObjectCondition ConditionOf(const http::Request& request) {
  return {std::string(request.headers.Get("if-match")), std::string(request.headers.Get("if-none-match"))};
}

// A member of the query, decoded as forms are.
std::string QueryOf(const http::Request& request, std::string_view name) {
  std::string_view rest = request.raw_query;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view one = rest.substr(0, end);
    const size_t equals = std::min(one.find('='), one.size());
    if (one.substr(0, equals) == name) return DecodeKey(one.substr(std::min(equals + 1, one.size())));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return "";
}

// What a browser may make of it is nothing: an object is not a page of ours.
http::Response HeadOf(const ObjectIdentity& identity) {
  http::Response head;
  const auto changed =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::nanoseconds(identity.mtime_ns)).count();
  tm parts{};
  gmtime_r(&changed, &parts);
  char text[64];
  strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  head.headers.Set("content-type", "application/octet-stream");
  head.headers.Set("x-content-type-options", "nosniff");
  head.headers.Set("accept-ranges", "bytes");
  head.headers.Set("etag", '"' + ETagOf(identity) + '"');
  head.headers.Set("last-modified", text);
  return head;
}

std::optional<uint64_t> NumberIn(std::string_view text) {
  uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<ByteRange> ResolveRange(std::string_view header, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const ByteRange all{0, size, false};
  if (!header.starts_with(kUnit) || header.find(',') != std::string_view::npos) return all;
  header.remove_prefix(kUnit.size());
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return all;
  const std::string_view first_text = header.substr(0, dash), last_text = header.substr(dash + 1);
  const auto first = NumberIn(first_text), last = NumberIn(last_text);
  if (first_text.empty()) {  // the last so many
    if (!last) return all;
    if (*last == 0 || size == 0) return std::nullopt;
    const uint64_t bytes = std::min(*last, size);
    return ByteRange{size - bytes, bytes, true};
  }
  if (!first || (!last && !last_text.empty()) || (last && *last < *first)) return all;
  if (*first >= size) return std::nullopt;
  const uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return ByteRange{*first, end - *first + 1, true};
}

struct BucketDoor::Reading {
  http::Request request;
  http::Responder responder;
  OpenObject object;
  ByteRange range;
};

Result<std::unique_ptr<BucketDoor>> BucketDoor::Create(Executor& executor, http::RouteTable& routes,
                                                       Random& random, SettingsOf settings_of, Options ours) {
  std::unique_ptr<BucketDoor> door(new BucketDoor(executor, random, std::move(settings_of), std::move(ours)));
  const WeakPtr<BucketDoor> weak = door->weak_.Get();
  http::RouteOptions options;
  options.body_max = Bytes{BucketDoorSettings::kPutBytesMax};
  options.receive = [weak](const http::Request& head, std::function<void()> resume) -> http::BodyChoice {
    if (!weak) return http::ErrorResponse(503, "stopping", "hearthd is stopping");
    return weak->Receive(head, std::move(resume));
  };
  HEARTH_ASSIGN(door->lease_, routes.AddPrefix(
                                  BucketDoor::kMount,
                                  [weak](const http::Request& request, http::Responder responder) {
                                    if (weak) weak->Handle(request, std::move(responder));
                                  },
                                  std::move(options)));
  return door;
}

BucketDoor::BucketDoor(Executor& executor, Random& random, SettingsOf settings_of, Options options)
    : random_(random),
      settings_of_(std::move(settings_of)),
      options_(std::move(options)),
      disk_(executor, "bucket-door") {}

std::variant<BucketDoor::Place, http::Response> BucketDoor::Find(const http::Request& request) const {
  std::string_view rest =
      std::string_view(request.path).substr(std::min(BucketDoor::kMount.size() + 1, request.path.size()));
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string name(rest.substr(0, slash));
  Place place{settings_of_(name), std::string(rest.substr(std::min(slash + 1, rest.size())))};
  if (!place.bucket || (!place.bucket->door.read && !place.bucket->door.write)) {
    return http::ErrorResponse(404, "not_found", "there is no bucket " + name + " that is open over HTTP");
  }
  const BucketDoorSettings& door = place.bucket->door;
  if (!HasToken(request, door.token_sha256)) {
    http::Response refusal = http::ErrorResponse(
        401, "unauthorized", "bucket " + name + " wants its token: send Authorization: Bearer TOKEN");
    refusal.headers.Set("www-authenticate", "Bearer");
    return refusal;
  }
  if (!(IsRead(request) && door.read) && !(IsWrite(request) && door.write)) {
    http::Response refusal = http::ErrorResponse(405, "method_not_allowed",
                                                 "bucket " + name + " does not take " + request.method +
                                                     " here (Http.Read and Http.Write say what it takes)");
    refusal.headers.Set("allow", door.read && door.write ? kMethods
                                 : door.read             ? "GET, HEAD"
                                                         : "PUT, DELETE");
    return refusal;
  }
  if (place.key.empty() && request.method == "GET") return place;
  if (const Status valid = ValidateObjectKey(place.key); !valid.ok()) return DoorError(valid.error());
  if (place.bucket->rules.Ignores(place.key)) {
    return http::ErrorResponse(request.method == "PUT" ? 400 : 404, "ignored_name",
                               "a part of the key is a name that bucket " + name +
                                   " leaves out (IgnoreNames): it is no object; choose another");
  }
  return place;
}

http::BodyChoice BucketDoor::Receive(const http::Request& head, std::function<void()> resume) {
  if (head.method != "PUT") return {};
  auto found = Find(head);
  if (auto* refusal = std::get_if<http::Response>(&found)) return std::move(*refusal);
  const Place& place = std::get<Place>(found);
  if (const Status taken = options_.new_work ? options_.new_work() : Ok(); !taken.ok())
    return http::ErrorResponse(503, "unavailable", taken.error().message);
  const uint64_t bytes_max = place.bucket->door.put_bytes_max;
  if (const auto length = NumberIn(head.headers.Get("content-length")); length && *length > bytes_max) {
    return DoorError({ErrorCode::kTooLarge, "the object has " + std::to_string(*length) +
                                                " bytes; the limit of bucket " + place.bucket->name + " is " +
                                                std::to_string(bytes_max) + " (PutBytesMax)"});
  }
  BucketPut::Target target{place.bucket->path, place.bucket->name, place.key,
                           ConditionOf(head),  bytes_max,          options_.reserve};
  return std::make_unique<BucketPut>(disk_, std::move(target), random_.Next64(), std::move(resume));
}

void BucketDoor::Handle(const http::Request& request, http::Responder responder) {
  auto found = Find(request);
  if (auto* refusal = std::get_if<http::Response>(&found)) return responder.Send(std::move(*refusal));
  const Place& place = std::get<Place>(found);
  if (request.method == "DELETE") return Delete(place, ConditionOf(request), std::move(responder));
  if (place.key.empty()) return List(place, request, std::move(responder));
  Get(place, request, std::move(responder));
}

void BucketDoor::Delete(const Place& place, const ObjectCondition& condition, http::Responder responder) {
  const auto answer = std::make_shared<http::Responder>(std::move(responder));
  disk_.Run<Status>(
      [root = place.bucket->path, key = place.key, condition] { return DeleteObject(root, key, condition); },
      [answer](const Status& deleted) {
        answer->Send(deleted.ok() ? http::Response{.status = 204} : DoorError(deleted.error()));
      });
}

void BucketDoor::List(const Place& place, const http::Request& request, http::Responder responder) {
  ListRequest list{QueryOf(request, "prefix"), QueryOf(request, "start-after"), kListKeysMax};
  if (const std::string max = QueryOf(request, "max-keys"); !max.empty()) {
    const auto number = NumberIn(max);
    if (!number || *number == 0 || *number > kListKeysMax) {
      return responder.Send(http::ErrorResponse(
          400, "bad_request", "max-keys must be 1 to " + std::to_string(kListKeysMax) + ", not " + max));
    }
    list.keys_max = static_cast<size_t>(*number);
  }
  const auto answer = std::make_shared<http::Responder>(std::move(responder));
  BucketListing::Run(disk_, place.bucket->path, std::make_shared<const WatchRules>(place.bucket->rules), list,
                     [answer, list, name = place.bucket->name](Result<ListPage> page) {
                       if (!page.ok()) return answer->Send(DoorError(page.error()));
                       answer->Send(http::Response::Json(200, EncodeListPage(name, list, *page)));
                     });
}

void BucketDoor::Get(const Place& place, const http::Request& request, http::Responder responder) {
  const auto reading = std::make_shared<Reading>();
  reading->request = request;
  reading->responder = std::move(responder);
  struct Opened {
    Result<OpenObject> object;
  };
  disk_.Run<std::shared_ptr<Opened>>(
      [root = place.bucket->path, key = place.key] {
        return std::make_shared<Opened>(Opened{OpenObjectFile(root, key)});
      },
      [weak = weak_.Get(), reading](const std::shared_ptr<Opened>& opened) {
        if (weak) weak->OnOpened(reading, std::move(opened->object));
      });
}

void BucketDoor::OnOpened(const std::shared_ptr<Reading>& reading, Result<OpenObject> object) {
  if (!object.ok()) return reading->responder.Send(DoorError(object.error()));
  reading->object = std::move(*object);
  const ObjectIdentity& identity = reading->object.identity;
  const ObjectCondition condition = ConditionOf(reading->request);
  http::Response head = HeadOf(identity);
  if (!ObjectCondition{condition.if_match, ""}.HoldsFor(identity)) {
    return reading->responder.Send(
        http::ErrorResponse(412, "precondition_failed", "the object's ETag is not one of If-Match"));
  }
  if (!ObjectCondition{"", condition.if_none_match}.HoldsFor(identity)) {
    head.status = 304;
    return reading->responder.Send(std::move(head));
  }
  const auto range = ResolveRange(reading->request.headers.Get("range"), identity.size);
  if (!range) {
    http::Response refusal = http::ErrorResponse(
        416, "range_not_satisfiable",
        "no byte of the range is within the object's " + std::to_string(identity.size) + " bytes");
    refusal.headers.Set("content-range", "bytes */" + std::to_string(identity.size));
    return reading->responder.Send(std::move(refusal));
  }
  reading->range = *range;
  if (range->partial) {
    head.status = 206;
    head.headers.Set("content-range", "bytes " + std::to_string(range->from) + "-" +
                                          std::to_string(range->from + range->bytes - 1) + "/" +
                                          std::to_string(identity.size));
  }
  reading->responder.BeginSized(std::move(head), range->bytes);
  if (reading->request.method == "HEAD") return reading->responder.End();
  ReadOn(reading);
}

// One piece at a time: the next is read once the client has taken this one.
void BucketDoor::ReadOn(const std::shared_ptr<Reading>& reading) {
  if (reading->range.bytes == 0) return reading->responder.End();
  const auto bytes = static_cast<size_t>(std::min<uint64_t>(kReadBytes, reading->range.bytes));
  struct Piece {
    Result<std::string> bytes;
  };
  disk_.Run<std::shared_ptr<Piece>>(
      [reading, from = reading->range.from, bytes] {
        return std::make_shared<Piece>(Piece{ReadObject(reading->object, from, bytes)});
      },
      [weak = weak_.Get(), reading](const std::shared_ptr<Piece>& piece) {
        if (!weak || !piece->bytes.ok()) {
          reading->responder = {};  // its connection is cut: the client can tell
          return;
        }
        reading->range.from += piece->bytes->size();
        reading->range.bytes -= piece->bytes->size();
        reading->responder.Write(std::move(*piece->bytes));
        reading->responder.OnRoom([weak, reading] {
          if (weak) weak->ReadOn(reading);
        });
      });
}

}  // namespace hearth
