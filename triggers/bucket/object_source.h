#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/base/result.h"
#include "runtime/model/event.h"
#include "triggers/bucket/object_identity.h"

namespace hearth {

// Where dispatchers get the objects that handlers find open.
class ObjectSource {
 public:
  // kNotFound, kPrecondition: the key has other content than that, or none. kUnavailable: it cannot be said now.
  // Where the file is right and cannot be opened the object says why, and has no descriptor.
  using OnOpened = std::function<void(Result<std::shared_ptr<EventObject>>)>;

  virtual ~ObjectSource() = default;
  // `opened` runs later, unless the source has gone.
  virtual void Open(const std::string& key, const ObjectIdentity& identity, OnOpened opened) = 0;
  // The content's hash for its receipt; "" where it is not that content any more, or is too large. `hashed` runs later.
  using OnHashed = std::function<void(std::string)>;
  virtual void Hash(const std::string& key, const ObjectIdentity& identity, OnHashed hashed) = 0;
  // What is under the key now? If it is finished content it is offered again. `hops`: of what was there.
  virtual void LookAgain(const std::string& key, uint32_t hops) = 0;
};

}  // namespace hearth
