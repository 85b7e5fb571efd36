#include "sandbox/egress_probe.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/base/files.h"
#include "sandbox/egress_rules.h"
#include "sandbox/links.h"
#include "sandbox/namespaces.h"
#include "sandbox/nft_run.h"

namespace hearth {
namespace {

bool MayAdministerNetwork() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & 1u << CAP_NET_ADMIN) != 0;
}

std::string TryIt(const std::string& nft) {
  const Status pair = MakeVethPair("hearth0", "eth0", getpid());
  if (!pair.ok()) return pair.error().message + "; a kernel with CONFIG_VETH, or modprobe veth";
  const uint32_t port[] = {443};
  const Status rules = RunNft(nft, EgressRuleset({}, Forwarding::kTurnedOn) + OpenInterface("hearth0", port));
  if (!rules.ok())
    return rules.error().message + "; a kernel with nf_tables, its NAT, fib and reject (modules nft_*)";
  return {};
}

}  // namespace

EgressProbe::EgressProbe(const std::string& nft) {
  if (PrivilegeOfThisProcess() != Privilege::kRoot || !MayAdministerNetwork()) {
    known_ =
        "interfaces and rules are made in the host's network namespace, which needs root with CAP_NET_ADMIN";
    return;
  }
  const auto program = FindNft(nft);
  if (!program.ok()) {
    known_ = program.error().message;
    return;
  }
  told_.Reset(memfd_create("egress probe", MFD_CLOEXEC));
  child_ = told_ ? CloneProcess(CLONE_NEWNET) : -1;
  if (child_ < 0) known_ = ErrnoError("make a network namespace").message;
  if (child_ != 0) return;
  const std::string missing = TryIt(*program);
  _exit(missing.empty() || WriteAll(told_.get(), missing).ok() ? 0 : 1);
}

std::string EgressProbe::Missing() {
  if (child_ < 0) return known_;
  int status = 0;
  const bool ended = waitpid(child_, &status, 0) == child_;
  child_ = -1;
  char text[1000];
  const ssize_t size = pread(told_.get(), text, sizeof text, 0);
  known_.assign(text, size > 0 ? static_cast<size_t>(size) : 0);
  if ((!ended || status != 0) && known_.empty()) known_ = "the process that tried it died";
  return known_;
}

}  // namespace hearth
