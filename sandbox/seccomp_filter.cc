#include "sandbox/seccomp_filter.h"

#include <sys/mman.h>

#include <cstdlib>
#include <memory>

#include <seccomp.h>

#include "runtime/base/files.h"
#include "sandbox/layers.h"

namespace hearth {
namespace {

uint32_t ActionOf(Verdict verdict, int error, Killing killing) {
  switch (verdict) {
    case Verdict::kAllow:
      return SCMP_ACT_ALLOW;
    case Verdict::kErrno:
      return SCMP_ACT_ERRNO(static_cast<uint32_t>(error));
    case Verdict::kKill:
      return killing == Killing::kByListener ? SCMP_ACT_NOTIFY : SCMP_ACT_KILL_PROCESS;
  }
  return SCMP_ACT_KILL_PROCESS;
}

scmp_arg_cmp CompareOf(const ArgumentTest& test) {
  switch (test.compare) {
    case Compare::kNotEqual:
      return {test.index, SCMP_CMP_NE, test.value, 0};
    case Compare::kGreater:
      return {test.index, SCMP_CMP_GT, test.value, 0};
    case Compare::kEqual:
      break;
  }
  return {test.index, SCMP_CMP_MASKED_EQ, test.mask, test.value};
}

Error LibraryError(std::string_view what, int negative_errno) {
  return ErrnoError("seccomp filter: " + std::string(what), -negative_errno);
}

Status AddRule(scmp_filter_ctx context, const SeccompRule& rule, Killing killing) {
  const int number = seccomp_syscall_resolve_name(std::string(rule.call).c_str());
  if (number < 0) return Ok();  // not on this architecture, or newer than libseccomp: the default holds
  std::vector<scmp_arg_cmp> compares;
  for (const ArgumentTest& test : rule.tests) compares.push_back(CompareOf(test));
  const int failed = seccomp_rule_add_array(context, ActionOf(rule.verdict, rule.error, killing), number,
                                            static_cast<unsigned>(compares.size()), compares.data());
  if (failed != 0) return LibraryError(rule.call, failed);
  return Ok();
}

}  // namespace

Result<std::string> CompileSeccomp(const SeccompPolicy& policy, Killing killing) {
  const uint32_t fallback = policy.default_is_allow() ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS);
  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context(seccomp_init(fallback), &seccomp_release);
  if (context == nullptr) return Error{ErrorCode::kInternal, "seccomp filter: no memory"};
  // 2: a balanced tree; the default list costs four times the loading. Bad architectures die.
  int failed = seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  const uint32_t other = IsOn(Layer::kArchitectureCheck) ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ALLOW;
  if (failed == 0) failed = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, other);
  if (failed != 0) return LibraryError("attributes", failed);
  for (const SeccompRule& rule : policy.rules()) HEARTH_TRY(AddRule(context.get(), rule, killing));
  const UniqueFd memory(memfd_create("seccomp", MFD_CLOEXEC));
  if (!memory) return ErrnoError("seccomp filter: memfd");
  failed = seccomp_export_bpf(context.get(), memory.get());
  if (failed != 0) return LibraryError("export", failed);
  if (lseek(memory.get(), 0, SEEK_SET) != 0) return ErrnoError("seccomp filter: lseek");
  return ReadAll(memory.get(), 64 * 1024);
}

std::string SystemCallName(int number) {
  const std::unique_ptr<char, void (*)(void*)> name(
      seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), &std::free);
  return name != nullptr ? name.get() : "number " + std::to_string(number);
}

}  // namespace hearth
