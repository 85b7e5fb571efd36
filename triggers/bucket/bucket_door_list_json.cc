#include "triggers/bucket/bucket_door_list_json.h"

#include <nlohmann/json.hpp>

#include "runtime/base/clock.h"
#include "runtime/base/json_text.h"
#include "triggers/bucket/s3_event_json.h"

namespace hearth {
namespace {

using nlohmann::json;

json ObjectJson(const std::string& key, const ObjectIdentity& identity) {
  const auto changed =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::nanoseconds(identity.mtime_ns));
  json out = {{"Size", identity.size},
              {"ETag", ETagOf(identity)},
              {"LastModified", ToIso8601Millis(WallTime(changed))}};
  out[IsUtf8(key) ? "Key" : "KeyEncoded"] = IsUtf8(key) ? key : EncodeKey(key);
  return out;
}

}  // namespace

std::string EncodeListPage(const std::string& bucket, const ListRequest& request, const ListPage& page) {
  json contents = json::array();
  for (const auto& [key, identity] : page.objects) contents.push_back(ObjectJson(key, identity));
  json out = {{"Name", bucket},
              {"Prefix", EncodeKey(request.prefix)},
              {"IsTruncated", page.truncated},
              {"Contents", std::move(contents)}};
  if (page.truncated && !page.objects.empty())
    out["NextStartAfter"] = EncodeKey(page.objects.rbegin()->first);
  return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace hearth
