#pragma once

#include <string>
#include <string_view>

#include "runtime/wire/launcher_frames.h"

namespace hearth {

struct UnpackPlan {
  const UnpackZipFrame& request;
  const std::string& seccomp;
  int zip_fd;
  int folder_fd;
  int report_fd;  // to the launcher: its "go", our one packet
};

// In the child of the launcher's clone, in namespaces of its own. Leaves itself an empty root, no rights and
// the few calls that reading a zip takes, before it looks at the first byte. One packet says why the zip was
// refused; exit code 0 and no packet: it is unpacked.
[[noreturn]] void RunUnpacker(const UnpackPlan& plan);

// The unpacking itself: regular files and folders, below `folder_fd` only. Returns why the zip is refused,
// with the entry's name, or "" when all is there. Files are 0644, or 0755 where the zip says executable;
// folders 0755.
std::string UnpackInto(int zip_fd, int folder_fd, uint64_t bytes_max, uint32_t entries_max);

// Why no entry may be called this, or "".
std::string CheckEntryName(std::string_view name);

}  // namespace hearth
