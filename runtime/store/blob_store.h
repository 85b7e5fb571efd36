#pragma once

#include <functional>
#include <string>

#include "runtime/base/result.h"

namespace hearth {

// Whole files by name, for what is too large for a row: code packages, large message bodies. Written once,
// never changed.
// Thread:  loop thread; completions run on the loop.
// Durable: Ok() from Put survives power loss.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual void Put(std::string name, std::string bytes, std::function<void(Status)> done) = 0;
  virtual void Get(std::string name, std::function<void(Result<std::string>)> done) = 0;
  virtual void Remove(std::string name, std::function<void(Status)> done) = 0;
  // Host path of a stored blob, for what must be handed over as a file.
  virtual std::string PathOf(const std::string& name) const = 0;
};

}  // namespace hearth
