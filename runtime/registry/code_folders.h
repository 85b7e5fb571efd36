#pragma once

#include <functional>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/weak_ptr.h"
#include "runtime/loop/work_thread.h"
#include "runtime/model/artefact_checker.h"
#include "runtime/model/function.h"

namespace hearth {

// Where unpacked code lies: ROOT/SHA256-IN-HEX/ one folder a package, written once, shared by all versions
// with that package.
//
// Owns:    the folders below `root`, and a thread for their disk work.
// Thread:  loop thread; replies run on the loop.
// Limits:  package or layer 50 MiB zipped, 250 MiB and 10,000 entries unpacked; a function's code and layers together
//          250 MiB (Lambda's limits).
inline constexpr uint64_t kPackageBytesMax = 52'428'800;

class CodeFolders final {
 public:
  CodeFolders(std::string root, Executor& executor);

  // Stores what was uploaded: a zip is unpacked by `checker`, a bare ELF file becomes `library_name` in a
  // folder of its own.
  void Store(std::string package, std::string library_name, ArtefactChecker& checker,
             std::function<void(Result<CodeArtefact>)> reply);
  // The same for a layer: a zip, nothing else.
  void StoreLayer(std::string zip, ArtefactChecker& checker, std::function<void(Result<CodeArtefact>)> reply);
  // One folder with what is in all of `layers` (folders of layers, or one that this gave before); of two files with one
  // name, that of the later is in it. kInvalidArgument: with `code_folder` it is more than kUnpackedBytesMax.
  void MergeLayers(std::vector<std::string> layers, std::string code_folder,
                   std::function<void(Result<std::string>)> reply);
  // Removes every folder that is not in `kept` (code folders of live versions, and of layers).
  void Collect(std::vector<std::string> kept);
  // Where a folder that was stored is now: the data folder may have been moved, or restored elsewhere, since.
  std::string PathNow(const std::string& folder) const;
  // While held nothing is removed: somebody copies. What was to go goes with the next Collect().
  void Hold(bool held) { held_ = held; }

 private:
  const std::string root_;
  WorkThread disk_;
  bool held_ = false;
  uint64_t next_staging_ = 1;  // the same package may be on its way twice
  WeakPtrFactory<CodeFolders> weak_{this};
};

}  // namespace hearth
