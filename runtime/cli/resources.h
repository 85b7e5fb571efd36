#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/cli/session.h"

namespace hearth::cli {

// What stands around functions, as verbs and `hearth up` make it. Each call may be repeated: it creates what
// is missing and changes what is there.

struct QueueConnection {
  std::string queue;
  std::string function;
  std::optional<int64_t> batch_size{};
  std::optional<int64_t> window_s{};
  std::optional<int64_t> workers_max{};
  bool whole_batch = false;  // true: one failure brings the whole batch back
  bool bisect = false;       // a batch that failed runs again in halves
  std::vector<std::string> filters{};
};
// The event source mapping.
Result<Json> ConnectQueue(const Session& session, const QueueConnection& connection);
// The mapping of that queue and function; kNotFound when there is none.
Result<Json> FindMapping(const Session& session, const std::string& queue, const std::string& function);
// "running: 12 of about 40 messages moved to orders", of a ListMessageMoveTasks result.
std::string MoveTaskText(const Json& task);
Result<std::string> QueueArn(const Session& session, const std::string& queue);
// Of "queue:NAME", "function:NAME[:QUALIFIER]" or an ARN; "none" is "". `flag` is named when it is none of these.
Result<std::string> DestinationArn(const Session& session, const std::string& flag, const std::string& word);

// Of "NAME:VERSION", "NAME" (its newest) or an ARN; kNotFound where there is none such.
Result<std::string> LayerArn(const Session& session, const std::string& word);

// Why the function cannot use a bucket that it sees, of the answer to GET /_hearth/v1/workers.
std::vector<std::string> MountWarningsOf(const Json& answer, const std::string& function);
// The same as notes, beside what a deploy says. Says nothing where the daemon does not answer.
void NoteMountWarnings(const Session& session, const std::string& function);

// Each "KEY=VALUE" is added to the function's tags.
Status PutTags(const Session& session, const std::string& function, const std::vector<std::string>& pairs);

struct BucketNotify {
  std::string function;
  std::string prefix;
  std::string suffix;
  bool acknowledge_loop = false;
  Json more = Json::object();  // other members of the notification, as the daemon names them
};
struct BucketChange {
  std::string name;
  std::string path{};          // "": unchanged, or the daemon's own folder for a new bucket
  Json more = Json::object();  // other members of the document
  std::vector<BucketNotify> notify{};
};
Json NotificationOf(const BucketNotify& notify);
// The bucket's document. A notification of the same function and filters is not made twice; others stay.
Result<Json> PutBucket(const Session& session, const BucketChange& change);

enum class UrlAccess { kUnchanged, kPublic, kToken };
struct UrlMade {
  Json config;
  std::string token;  // the new one, for kToken; it cannot be read again
};
// A new URL is public unless a token is asked for.
Result<UrlMade> GiveUrl(const Session& session, const std::string& function, UrlAccess access);

// "GET /thumbs/{name}"; a path alone stands for any method. `name` "" is made from the route.
Result<Json> PutRoute(const Session& session, const std::string& route, const std::string& function,
                      const std::string& name, const std::string& token);
std::string NameOfRoute(const std::string& route);  // "get-thumbs-name"

}  // namespace hearth::cli
