#include "runtime/worker/library_loader.h"

#include <dlfcn.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "runtime/worker/library_inspector.h"
#include "runtime/worker/stages.h"

namespace hearth {
namespace {

StageFailure AuthorsFault(std::string_view stage, std::string detail) {
  return {std::string(stage), 0, std::move(detail), 1};
}

std::string Joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : "; ") + sentence;
  return text;
}

std::string LoaderError(const char* fallback) {
  const char* const text = dlerror();
  return text != nullptr ? text : fallback;
}

}  // namespace

// unshare(CLONE_THREAD) changes nothing, but the kernel refuses it to a process with several threads.
bool HasThreads() { return syscall(SYS_unshare, CLONE_THREAD) != 0 && errno == EINVAL; }

std::string CheckHandlerTable(const hearth_function* table) {
  if (table == nullptr) return "it returned NULL instead of its functions";
  if (table->abi_version != HEARTH_ABI_VERSION) {
    return "it was built for version " + std::to_string(table->abi_version) +
           " of the handler ABI, this worker runs version " + std::to_string(HEARTH_ABI_VERSION) +
           ": build it against this installation's <hearth/abi.h>";
  }
  if (table->struct_size < sizeof(hearth_function)) {
    return "its struct hearth_function has " + std::to_string(table->struct_size) + " bytes, version " +
           std::to_string(HEARTH_ABI_VERSION) + " has " + std::to_string(sizeof(hearth_function)) +
           ": set struct_size to sizeof(struct hearth_function)";
  }
  if (table->invoke == nullptr) return "its invoke is NULL";
  return {};
}

std::variant<const hearth_function*, StageFailure> LoadHandlerLibrary(
    const std::string& package_folder, const std::string& library, const std::string& symbol, Threads threads,
    const LibrarySearch& search, StepObserver& observer) {
  const std::string path = package_folder + "/" + library;
  observer.Entered(kStageInspect);
  const auto inspection = InspectLibrary(path, search);
  if (!inspection.ok()) return AuthorsFault(kStageInspect, library + ": " + inspection.error().message);
  if (!inspection->problems.empty()) return AuthorsFault(kStageInspect, Joined(inspection->problems));

  observer.Entered(kStageLoad);
  for (const std::string& first : inspection->open_first) {
    if (dlopen(first.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr)
      return AuthorsFault(kStageLoad, LoaderError("dlopen"));
  }
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return AuthorsFault(kStageLoad, LoaderError("dlopen"));

  observer.Entered(kStageSymbol);
  void* const getter = dlsym(handle, symbol.c_str());
  if (getter == nullptr) {
    return AuthorsFault(
        kStageSymbol,
        library + " exports no function " + symbol +
            ": use HEARTH_HANDLER in one of its sources, or name another after a colon in Handler");
  }
  observer.Entered(kStageTable);
  const hearth_function* const table = reinterpret_cast<hearth_function_getter>(getter)();
  observer.Entered(kStageAbi);
  const std::string complaint = CheckHandlerTable(table);
  if (!complaint.empty()) return AuthorsFault(kStageAbi, library + ": " + complaint);

  if (threads == Threads::kNone) {
    observer.Entered(kStageThreads);
    if (HasThreads()) {
      StageFailure failure = AuthorsFault(
          kStageThreads, library +
                             " starts threads while it is loaded: workers are forked from the process "
                             "that loaded it, and a fork has one thread; start them in init");
      failure.leaves_threads = 1;
      return failure;
    }
  }
  fflush(nullptr);  // or each worker would print what its constructors left in the buffers
  return table;
}

}  // namespace hearth
