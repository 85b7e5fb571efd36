#pragma once

#include <string>
#include <vector>

#include "runtime/cli/arguments.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/session.h"

namespace hearth::cli {

struct Example {
  std::string command;  // as typed, with "hearth"
  std::string meaning;
};

// One verb, or one verb of a family ("queue send"): how it is called, and what it does.
struct Command {
  std::string name;
  std::vector<std::string> positionals;  // "NAME", "[PAYLOAD]"
  std::string summary;                   // one line, for lists
  std::string details;                   // lines of at most 100 characters, "" or ending with a line end
  std::vector<Flag> flags;
  std::vector<Example> examples;
  Result<ExitCode> (*run)(Session& session, const Arguments& arguments);

  std::string Verb() const { return name.substr(0, name.find(' ')); }
};

}  // namespace hearth::cli
