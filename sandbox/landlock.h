#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hearth {

// Landlock (Linux 5.13): what a process and all that it starts may do with files, TCP and its neighbours,
// whatever mounts, ids and namespaces say. A second lock on what they lock already. By raw system calls: no
// library, and Debian's header is older than what the kernel can do.

// What this kernel can do: 1 and more; 0 where there is none, with errno.
// 2: renaming between folders · 3: truncation · 4: TCP · 5: ioctl of devices · 6: signals and abstract
// sockets stay inside · 7: no audit record for each refusal.
int LandlockAbi();

// The oldest that is used for files: with 1, nothing could be moved between two folders of /tmp.
inline constexpr int kLandlockAbiOfFiles = 2;
inline constexpr int kLandlockAbiOfTcp = 4;
inline constexpr int kLandlockAbiOfScope = 6;

// "landlock: ok (ABI 7)", or what is missing, why, and what to do.
std::string LandlockReport(int abi, int error);

enum class FileAccess {
  kRead,      // files and folders
  kDevices,   // read and write what is there; no ioctl
  kReadWrite  // and make, remove, rename and link files, folders and symlinks; no devices, sockets or pipes
};

struct FileGrant {
  std::string path;  // and everything beneath it
  FileAccess access = FileAccess::kRead;
};

// TCP connections that may be made; none may be listened for. On kernels before kLandlockAbiOfTcp others see to it.
struct TcpAccess {
  bool every_port = false;
  std::vector<uint32_t> ports{};
};

// For a worker, once all is mounted: no file but in `grants`, no TCP but `tcp`, and no signals or abstract sockets to
// whatever is outside. Executing is granted nowhere. 0, or -1 with errno; a path that is not there is passed
// over; does nothing with an ABI below 2. Needs no_new_privs. Measured: 24 us with six grants.
//
// Not for a zygote. A ruleset with rights to files forbids every mount, and each of its workers mounts a
// /tmp; one without them (TCP and scope alone) forbids all its children to move a file from one folder to
// another, since that is refused by every ruleset that does not grant it.
int RestrictToGrants(int abi, std::span<const FileGrant> grants, const TcpAccess& tcp = {});

// The same in two steps, of which the first may be done ahead of time and by somebody else: all the grants but the
// last ones; those, and on with it. A ruleset of less than kLandlockAbiOfFiles there is not.
int MakeRuleset(int abi, std::span<const FileGrant> grants, const TcpAccess& tcp = {});
int RestrictTo(int ruleset, int abi, std::span<const FileGrant> more);

}  // namespace hearth
