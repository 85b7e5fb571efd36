#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/units.h"
#include "runtime/model/function.h"

namespace hearth {

// Lambda's limits of a package, unpacked.
inline constexpr uint64_t kUnpackedBytesMax = 262'144'000;
inline constexpr uint32_t kUnpackedEntriesMax = 10'000;

// Judges foreign code without trusting it: everything happens in confined children. Implemented by the pool,
// which has the sandboxes; here, so that the registry need not know them.
class ArtefactChecker {
 public:
  using Done = std::function<void(Status)>;
  virtual ~ArtefactChecker() = default;
  // Unpacks the zip file at `zip_path` into the empty `folder`. kBadArtefact names the entry and why it was
  // refused.
  virtual void Unpack(std::string zip_path, std::string folder, Done done) = 0;
  // Loads the version's library in a sandbox of its own, as a deploy would run it. kBadArtefact names what is
  // wrong: machine, missing libraries and symbol versions, missing symbol, ABI version.
  virtual void TrialLoad(const FunctionVersion& version, Done done) = 0;
  // Loads it and runs its init, in the process that workers of `version` are copied from later. How long that init took;
  // kBadArtefact says how the author's code failed.
  using OnSnapshot = std::function<void(Result<nanoseconds>)>;
  virtual void TakeSnapshot(const std::shared_ptr<const FunctionVersion>& version, OnSnapshot done) = 0;
};

}  // namespace hearth
