#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace hearth::cli {

// What one call of a handler gave that ran in this very process.
struct LocalAnswer {
  bool ok = false;
  std::string payload;            // the response, or the error as Lambda would answer it
  std::vector<std::string> logs;  // a line each
};

// Loads `library` ("./libgreet.so" or "./libgreet.so:symbol") into this process and calls its init, invoke
// and shutdown, with no sandbox and no time limit: for gdb, valgrind and sanitizers. What the handler does to
// the process, it does to us. kBadArtefact: it cannot be loaded, or has another ABI version.
Result<LocalAnswer> InvokeUnsandboxedForDevelopment(const std::string& library, const std::string& function,
                                                    const std::string& payload);

}  // namespace hearth::cli
