#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace hearth {

// What control needs of a trigger without knowing it: named configuration documents (JSON, the trigger's own
// shape), applied and kept durably by the trigger; status; commands. The daemon joins the two.
//
// Thread: loop thread; replies run later, never inside the call.
class Trigger {
 public:
  struct Document {
    std::string name;  // unique within the trigger: a mapping's UUID, "FUNCTION" of a URL, a bucket's name
    std::string json;  // as kept, with defaults filled in
    std::string status_json;  // an object: state, counters, last error
  };
  using Reply = std::function<void(Result<Document>)>;
  using Done = std::function<void(Status)>;

  virtual ~Trigger() = default;
  virtual std::string_view kind() const = 0;  // "url", "route", "queue", "bucket"
  // Validates, applies and stores; the document of that name is replaced. kInvalidArgument names the field
  // and why.
  virtual void Put(std::string name, std::string json, Reply reply) = 0;
  virtual void Remove(std::string name, Done done) = 0;  // kNotFound
  virtual Result<Document> Get(std::string_view name) const = 0;
  virtual std::vector<Document> List() const = 0;
  // "replay", "pause", ...: the trigger says which it knows. Answers with JSON.
  virtual void Command(std::string name, std::string verb, std::string json,
                       std::function<void(Result<std::string>)> reply) = 0;
  // Its function has been deleted: forget every document that names it.
  virtual void ForgetFunction(std::string_view function) = 0;
  // Loads the stored documents and starts taking events; `started` once it does.
  virtual void Start(Done started) = 0;
  // Takes no more events; `drained` once those in flight are settled.
  virtual void Drain(std::function<void()> drained) = 0;
};

}  // namespace hearth
