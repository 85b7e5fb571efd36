#pragma once

#include <string>
#include <variant>

#include <hearth/abi.h>

#include "runtime/wire/launcher_frames.h"
#include "runtime/worker/library_inspector.h"
#include "sandbox/steps.h"

namespace hearth {

// May it leave threads behind? A process that is to be forked has one.
enum class Threads { kNone, kAny };

// Of this process, besides the one that asks.
bool HasThreads();

// Inspects and loads `library` of the package folder, asks `symbol` for the handler's functions and checks
// their version. Each failure is the author's to mend and says what is wrong. Runs the library's
// constructors: only behind the filter.
std::variant<const hearth_function*, StageFailure> LoadHandlerLibrary(
    const std::string& package_folder, const std::string& library, const std::string& symbol, Threads threads,
    const LibrarySearch& search, StepObserver& observer);

// What is wrong with a table of functions; empty if this worker can run it.
std::string CheckHandlerTable(const hearth_function* table);

}  // namespace hearth
