#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/seccomp_filter.h"

// Apart from the compiler: a sandboxed process loads a program that it was given, and has no libseccomp.

namespace hearth {

namespace {

int Install(std::string_view program, unsigned flags) {
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.size() / sizeof(sock_filter));
  filter.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(program.data()));
  return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter));
}

}  // namespace

int InstallSeccomp(std::string_view program) { return Install(program, 0); }

int InstallSeccompWithListener(std::string_view program) {
  return Install(program, SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

std::optional<SeccompViolation> NextViolation(int listener) {
  // Of a later kernel it may be longer; all of it must be zero.
  union {
    seccomp_notif notification;
    char room[512];
  } told{};
  std::memset(&told, 0, sizeof told);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &told) != 0) return std::nullopt;
  return SeccompViolation{static_cast<int>(told.notification.pid), told.notification.data.nr};
}

}  // namespace hearth
