#include "runtime/control/sqs_batch.h"

#include <algorithm>
#include <set>

namespace hearth {
namespace {

bool IsEntryId(const std::string& id) {
  return !id.empty() && id.size() <= kSqsEntryIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

std::optional<SqsError> CheckSqsBatch(const Json& request) {
  const auto entries = JsonMembers(request).Array("Entries");
  if (!entries.ok()) return ToSqsError(entries.error());
  if (!*entries || (*entries)->empty())
    return SqsPrefixedError("EmptyBatchRequest", "There should be at least one entry in the request.");
  if ((*entries)->size() > kSqsBatchEntriesMax) {
    return SqsPrefixedError("TooManyEntriesInBatchRequest",
                            "Maximum number of entries per request are 10. You have sent " +
                                std::to_string((*entries)->size()) + ".");
  }
  std::set<std::string_view> ids;
  for (const Json& entry : **entries) {
    const auto id = entry.is_object() ? entry.find("Id") : entry.end();
    if (!entry.is_object() || id == entry.end() || !id->is_string() ||
        !IsEntryId(id->get_ref<const std::string&>())) {
      return SqsPrefixedError(
          "InvalidBatchEntryId",
          "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at "
          "most 80 letters long.");
    }
    if (!ids.insert(id->get_ref<const std::string&>()).second)
      return SqsPrefixedError("BatchEntryIdsNotDistinct", "Id " + id->get<std::string>() + " repeated.");
  }
  return std::nullopt;
}

void SqsBatchAnswer::Succeeded(const std::string& id, Json more) {
  more["Id"] = id;
  json_["Successful"].push_back(std::move(more));
}

void SqsBatchAnswer::Failed(const std::string& id, const SqsError& error) {
  json_["Failed"].push_back({{"Id", id},
                             {"Code", error.query_code},
                             {"Message", error.message},
                             {"SenderFault", error.status < 500}});
}

}  // namespace hearth
