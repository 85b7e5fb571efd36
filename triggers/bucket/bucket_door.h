#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/base/random.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/http/route_table.h"
#include "runtime/loop/work_thread.h"
#include "triggers/bucket/bucket_put.h"
#include "triggers/bucket/bucket_settings.h"
#include "triggers/bucket/object_files.h"

namespace hearth {

// Buckets over plain HTTP, on the data plane: PUT, GET, HEAD and DELETE of /_buckets/BUCKET/KEY, and GET of
// /_buckets/BUCKET as a list. docs/triggers.md has what each answers.
//
// A put is a file beside the bucket's others that gets its name when it is whole and on the disk: to the watch it
// is a file that was renamed in.
//
// Owns:    its routes and a work thread of its own, so that an upload does not hold up the watch. Owned by the
//          daemon.
// Borrows: RouteTable, Random, whatever `settings_of` asks.
// Thread:  loop thread only.
// Limits:  BucketDoorSettings::put_bytes_max; BucketPut's and kReadBytes in memory for each request.
// Failure: {"error","message"}; a body that breaks off leaves nothing.
// Promise: no callback runs after the destructor returns.
class BucketDoor final {
 public:
  static constexpr std::string_view kMount = "/_buckets";
  static constexpr size_t kReadBytes = 256 << 10;
  // Null: no such bucket.
  using SettingsOf = std::function<const BucketSettings*(std::string_view bucket)>;

  struct Options {
    DiskReserve reserve{};
    std::function<Status()> new_work{};  // why nothing new is taken now; null: it always is
  };

  static Result<std::unique_ptr<BucketDoor>> Create(Executor& executor, http::RouteTable& routes,
                                                    Random& random, SettingsOf settings_of, Options options);

 private:
  struct Place {
    const BucketSettings* bucket = nullptr;
    std::string key;  // "": the bucket itself
  };
  struct Reading;

  BucketDoor(Executor& executor, Random& random, SettingsOf settings_of, Options options);
  http::BodyChoice Receive(const http::Request& head, std::function<void()> resume);
  void Handle(const http::Request& request, http::Responder responder);
  void Delete(const Place& place, const ObjectCondition& condition, http::Responder responder);
  void Get(const Place& place, const http::Request& request, http::Responder responder);
  void List(const Place& place, const http::Request& request, http::Responder responder);
  void OnOpened(const std::shared_ptr<Reading>& reading, Result<OpenObject> object);
  void ReadOn(const std::shared_ptr<Reading>& reading);

  // Where the request leads, or the answer that it leads nowhere.
  std::variant<Place, http::Response> Find(const http::Request& request) const;

  Random& random_;
  const SettingsOf settings_of_;
  const Options options_;
  WorkThread disk_;
  http::RouteLease lease_;
  WeakPtrFactory<BucketDoor> weak_{this};
};

// What a Range header asks of a body of `size` bytes: all of it where it says nothing that can be met in one piece.
struct ByteRange {
  uint64_t from = 0;
  uint64_t bytes = 0;
  bool partial = false;
};
// Nothing: no byte of it is there (416).
std::optional<ByteRange> ResolveRange(std::string_view header, uint64_t size);

}  // namespace hearth
