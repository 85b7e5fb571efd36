#include "runtime/cli/payload.h"

#include <unistd.h>

#include "runtime/base/files.h"
#include "runtime/base/units.h"
#include "runtime/cli/exit_code.h"

namespace hearth::cli {

Result<std::string> ReadPayload(const std::string& given) {
  if (given == "-") return ReadAll(STDIN_FILENO, (64_MiB).count);
  if (!given.starts_with('@')) return given;
  auto bytes = ReadFile(given.substr(1));
  if (!bytes.ok()) return UsageError("payload " + given + ": " + bytes.error().message);
  return bytes;
}

}  // namespace hearth::cli
