#include "runtime/cli/programs.h"

#include <unistd.h>

#include "runtime/base/process.h"

namespace hearth::cli {

Result<int> RunProgram(const std::vector<std::string>& words) {
  SpawnOptions options{.executable = "/usr/bin/env", .arguments = words, .stdout_fd = STDERR_FILENO};
  if (words.front() == "env") options.arguments.erase(options.arguments.begin());
  for (char** variable = environ; *variable; ++variable) options.environment.emplace_back(*variable);
  HEARTH_ASSIGN(ChildProcess child, Spawn(options));
  HEARTH_ASSIGN(const ExitStatus ended, child.Wait());
  return ended.signal != 0 ? 128 + ended.signal : ended.exit_code;
}

}  // namespace hearth::cli
