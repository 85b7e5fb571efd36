#pragma once

#include <string>
#include <variant>

#include <hearth/abi.h>

#include "runtime/wire/launcher_frames.h"
#include "runtime/worker/library_inspector.h"
#include "sandbox/steps.h"

namespace hearth {

// Inspects and loads `library` of the package folder, asks `symbol` for the handler's functions and checks
// their version. Each failure is the author's to mend and says what is wrong. Runs the library's
// constructors: only behind the filter.
std::variant<const hearth_function*, StageFailure> LoadHandlerLibrary(const CodePlaces& places,
                                                                      const std::string& library,
                                                                      const std::string& symbol,
                                                                      StepObserver& observer);

// What is wrong with a table of functions; empty if this worker can run it.
std::string CheckHandlerTable(const hearth_function* table);

}  // namespace hearth
