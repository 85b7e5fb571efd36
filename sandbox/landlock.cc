#include "sandbox/landlock.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "runtime/base/unique_fd.h"

namespace hearth {
namespace {

// Of linux/landlock.h, as far as the header that we build with does not have them.
constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadFolder = 1 << 3,
                   kRemoveFolder = 1 << 4, kRemoveFile = 1 << 5, kMakeCharacterDevice = 1 << 6,
                   kMakeFolder = 1 << 7, kMakeFile = 1 << 8, kMakeSocket = 1 << 9, kMakePipe = 1 << 10,
                   kMakeBlockDevice = 1 << 11, kMakeSymlink = 1 << 12, kRefer = 1 << 13, kTruncate = 1 << 14,
                   kIoctlDevice = 1 << 15;
constexpr uint64_t kBindTcp = 1 << 0, kConnectTcp = 1 << 1;
constexpr uint64_t kScopeAbstractSockets = 1 << 0, kScopeSignals = 1 << 1;
constexpr unsigned kAskVersion = 1;      // LANDLOCK_CREATE_RULESET_VERSION
constexpr int kRulePathBeneath = 1;      // LANDLOCK_RULE_PATH_BENEATH
constexpr int kRuleNetPort = 2;          // LANDLOCK_RULE_NET_PORT
constexpr unsigned kNoAuditRecords = 1;  // LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF
constexpr int kAbiOfSilence = 7;         // a hostile worker could fill the audit log otherwise

struct RulesetAttributes {
  uint64_t files = 0;
  uint64_t tcp = 0;
  uint64_t scoped = 0;
};

struct [[gnu::packed]] PathBeneath {
  uint64_t access = 0;
  int32_t folder = -1;
};

struct PortRule {
  uint64_t access = 0;
  uint64_t port = 0;
};

uint64_t FileRightsOf(int abi) {
  uint64_t rights = kExecute | kWriteFile | kReadFile | kReadFolder | kRemoveFolder | kRemoveFile |
                    kMakeCharacterDevice | kMakeFolder | kMakeFile | kMakeSocket | kMakePipe |
                    kMakeBlockDevice | kMakeSymlink | kRefer;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDevice;
  return rights;
}

uint64_t RightsOf(FileAccess access) {
  switch (access) {
    case FileAccess::kRead:
      return kReadFile | kReadFolder;
    case FileAccess::kDevices:
      return kReadFile | kReadFolder | kWriteFile | kTruncate;
    case FileAccess::kReadWrite:
      return kReadFile | kReadFolder | kWriteFile | kTruncate | kRemoveFolder | kRemoveFile | kMakeFolder |
             kMakeFile | kMakeSymlink | kRefer;
  }
  return 0;
}

// An older kernel takes the attributes that it knows, by their size.
UniqueFd CreateRuleset(const RulesetAttributes& attributes, int abi) {
  const size_t known = abi >= kLandlockAbiOfScope ? 24 : abi >= kLandlockAbiOfTcp ? 16 : 8;
  return UniqueFd(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, known, 0)));
}

int AddGrants(int ruleset, int abi, std::span<const FileGrant> grants) {
  for (const FileGrant& grant : grants) {
    const UniqueFd folder(open(grant.path.c_str(), O_PATH | O_CLOEXEC));
    if (!folder && errno == ENOENT) continue;
    const PathBeneath rule{RightsOf(grant.access) & FileRightsOf(abi), folder.get()};
    if (!folder || syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &rule, 0) != 0) return -1;
  }
  return 0;
}

int AddPorts(int ruleset, int abi, const TcpAccess& tcp) {
  if (abi < kLandlockAbiOfTcp) return 0;
  for (const uint32_t port : tcp.ports) {
    const PortRule rule{kConnectTcp, port};
    if (syscall(SYS_landlock_add_rule, ruleset, kRuleNetPort, &rule, 0) != 0) return -1;
  }
  return 0;
}

}  // namespace

int LandlockAbi() {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

std::string LandlockReport(int abi, int error) {
  if (abi == 0) {
    return std::string("landlock: missing (") + strerror(error) +
           "; a kernel from 5.19 on with CONFIG_SECURITY_LANDLOCK, and landlock in the lsm= boot parameter)";
  }
  const std::string found = "(ABI " + std::to_string(abi);
  if (abi < kLandlockAbiOfFiles)
    return "landlock: degraded " + found + ": not used for files; Linux 5.19 or later)";
  if (abi < kLandlockAbiOfTcp) return "landlock: degraded " + found + ": files only; Linux 6.12 or later)";
  if (abi < kLandlockAbiOfScope)
    return "landlock: degraded " + found +
           ": signals and abstract sockets are left to namespaces and filters; Linux 6.12 or later)";
  return "landlock: ok " + found + ")";
}

int MakeRuleset(int abi, std::span<const FileGrant> grants, const TcpAccess& tcp) {
  RulesetAttributes attributes;
  attributes.files = FileRightsOf(abi);
  if (abi >= kLandlockAbiOfTcp) attributes.tcp = kBindTcp | (tcp.every_port ? 0 : kConnectTcp);
  if (abi >= kLandlockAbiOfScope) attributes.scoped = kScopeAbstractSockets | kScopeSignals;
  UniqueFd ruleset = CreateRuleset(attributes, abi);
  if (!ruleset || AddGrants(ruleset.get(), abi, grants) != 0 || AddPorts(ruleset.get(), abi, tcp) != 0)
    return -1;
  return ruleset.Release();
}

int RestrictTo(int ruleset, int abi, std::span<const FileGrant> more) {
  if (AddGrants(ruleset, abi, more) != 0) return -1;
  return static_cast<int>(
      syscall(SYS_landlock_restrict_self, ruleset, abi >= kAbiOfSilence ? kNoAuditRecords : 0));
}

int RestrictToGrants(int abi, std::span<const FileGrant> grants, const TcpAccess& tcp) {
  if (abi < kLandlockAbiOfFiles) return 0;
  const UniqueFd ruleset(MakeRuleset(abi, grants, tcp));
  return ruleset ? RestrictTo(ruleset.get(), abi, {}) : -1;
}

}  // namespace hearth
