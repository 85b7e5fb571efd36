#include "sandbox/landlock.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "sandbox/privileges.h"

// Each restriction as the kernel enforces it, in a child that has put it on.

namespace hearth {
namespace {

// A forked copy of this instrumented process: it ends by the raw system call. errno of the call, or 0.
template <class Restrict, class Call>
int Under(Restrict restrict_self, Call call) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    SetNoNewPrivileges();
    if (restrict_self() != 0) syscall(SYS_exit_group, 255);
    const long result = call();
    syscall(SYS_exit_group, result < 0 ? errno : 0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class Folders final {
 public:
  Folders() {
    char name[] = "/tmp/hearth-landlock-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    root = name;
    for (const char* each : {"/read", "/write", "/other", "/write/a", "/write/b"})
      REQUIRE(mkdir((root + each).c_str(), 0700) == 0);
    for (const char* each : {"/read/file", "/write/file", "/other/file"})
      close(open((root + each).c_str(), O_CREAT | O_WRONLY, 0600));
  }
  ~Folders() { std::filesystem::remove_all(root); }
  std::vector<FileGrant> Grants() const {
    return {{root + "/read", FileAccess::kRead},
            {root + "/write", FileAccess::kReadWrite},
            {root + "/not there", FileAccess::kReadWrite},
            {"/dev", FileAccess::kDevices}};
  }
  std::string root;
};

const int kAbi = LandlockAbi();

#define SKIP_WHERE(condition, why) \
  if (condition) {                 \
    WARN(why);                     \
    return;                        \
  }

TEST_CASE("files are reached where they were granted, and as they were", "[landlock]") {
  SKIP_WHERE(kAbi < kLandlockAbiOfFiles, "Landlock for files needs Linux 5.19: not tested here");
  const Folders folders;
  const auto grants = folders.Grants();
  const auto path = [&](const char* name) { return folders.root + name; };
  // With every ABI up to this kernel's, as an older one would be asked.
  for (int abi = kLandlockAbiOfFiles; abi <= kAbi; ++abi) {
    INFO("ABI " << abi);
    const auto opening = [&](const char* name, int flags) {
      return Under([&] { return RestrictToGrants(abi, grants); },
                   [&] { return open(path(name).c_str(), flags, 0600); });
    };
    CHECK(opening("/read/file", O_RDONLY) == 0);
    CHECK(opening("/read/file", O_WRONLY) == EACCES);
    CHECK(opening("/read/new", O_WRONLY | O_CREAT) == EACCES);
    CHECK(opening("/read", O_RDONLY | O_DIRECTORY) == 0);
    CHECK(opening("/write/file", O_RDWR | O_TRUNC) == 0);
    CHECK(opening("/write/new", O_WRONLY | O_CREAT) == 0);
    CHECK(opening("/other/file", O_RDONLY) == EACCES);
    CHECK(opening("", O_RDONLY | O_DIRECTORY) == EACCES);
    const auto under = [&](auto call) { return Under([&] { return RestrictToGrants(abi, grants); }, call); };
    CHECK(under([&] { return rename(path("/write/file").c_str(), path("/write/a/file").c_str()); }) == 0);
    CHECK(under([&] { return rename(path("/write/a/file").c_str(), path("/write/file").c_str()); }) == 0);
    CHECK(under([&] { return rename(path("/write/file").c_str(), path("/other/f").c_str()); }) != 0);
    CHECK(under([&] { return mkfifo(path("/write/pipe").c_str(), 0600); }) == EACCES);
    CHECK(under([&] { return mknod(path("/write/null").c_str(), S_IFCHR | 0600, 0x103); }) != 0);
    CHECK(under([&] { return open("/dev/null", O_RDWR); }) == 0);
    CHECK(under([&] { return execl("/bin/true", "true", nullptr); }) == EACCES);
  }
}

TEST_CASE("devices take no ioctl", "[landlock]") {
  SKIP_WHERE(kAbi < 5, "needs Linux 6.10: not tested here");
  const std::vector<FileGrant> grants{{"/dev", FileAccess::kDevices}};
  const int error = Under([&] { return RestrictToGrants(kAbi, grants); },
                          [] {
                            int bits = 0;
                            return ioctl(open("/dev/urandom", O_RDONLY), _IOR('R', 0x00, int), &bits);
                          });
  CHECK(error == EACCES);
}

TEST_CASE("a worker has no TCP, signals nobody outside, and mounts nothing", "[landlock]") {
  SKIP_WHERE(kAbi < kLandlockAbiOfScope, "needs Linux 6.12: not tested here");
  const auto under = [](auto call) { return Under([] { return RestrictToGrants(kAbi, {}); }, call); };
  const pid_t parent = getpid();
  CHECK(under([&] { return kill(parent, 0); }) == EPERM);
  CHECK(under([] { return kill(getpid(), 0); }) == 0);
  CHECK(under([] {
          sockaddr_in any{};
          any.sin_family = AF_INET;
          const int fd = socket(AF_INET, SOCK_STREAM, 0);
          return bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any);
        }) == EACCES);
  CHECK(under([] {
          sockaddr_in loopback{};
          loopback.sin_family = AF_INET;
          loopback.sin_port = htons(9);
          loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
          const int fd = socket(AF_INET, SOCK_STREAM, 0);
          return connect(fd, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback);
        }) == EACCES);
  CHECK(under([] { return syscall(SYS_mount, "x", "/tmp", "tmpfs", 0, nullptr); }) == EPERM);
}

TEST_CASE("TCP is connected to the ports that were granted, or to each, and never listened for",
          "[landlock]") {
  SKIP_WHERE(kAbi < kLandlockAbiOfTcp, "needs Linux 6.7: not tested here");
  const auto connecting = [](const TcpAccess& tcp, uint16_t port) {
    return Under([&] { return RestrictToGrants(kAbi, {}, tcp); },
                 [&] {
                   sockaddr_in loopback{};
                   loopback.sin_family = AF_INET;
                   loopback.sin_port = htons(port);
                   loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                   return connect(socket(AF_INET, SOCK_STREAM, 0), reinterpret_cast<sockaddr*>(&loopback),
                                  sizeof loopback);
                 });
  };
  const TcpAccess some{.every_port = false, .ports = {1, 65535}}, each{.every_port = true};
  CHECK(connecting(some, 1) == ECONNREFUSED);  // let through: nobody listens there
  CHECK(connecting(some, 65535) == ECONNREFUSED);
  CHECK(connecting(some, 2) == EACCES);
  CHECK(connecting(each, 2) == ECONNREFUSED);
  CHECK(Under([&] { return RestrictToGrants(kAbi, {}, each); },
              [] {
                sockaddr_in any{};
                any.sin_family = AF_INET;
                return bind(socket(AF_INET, SOCK_STREAM, 0), reinterpret_cast<sockaddr*>(&any), sizeof any);
              }) == EACCES);
}

TEST_CASE("abstract sockets of others are out of reach", "[landlock]") {
  SKIP_WHERE(kAbi < kLandlockAbiOfScope, "needs Linux 6.12: not tested here");
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const int size = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "hearth-landlock-%d", getpid());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<size_t>(size));
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&name), length) == 0);
  REQUIRE(listen(listener, 5) == 0);
  const auto reach = [&] {
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<sockaddr*>(&name), length);
  };
  CHECK(Under([] { return 0; }, reach) == 0);
  CHECK(Under([] { return RestrictToGrants(kAbi, {}); }, reach) == EPERM);
  close(listener);
}

TEST_CASE("where there is none, nothing is restricted and the report says what to do", "[landlock]") {
  CHECK(Under([] { return RestrictToGrants(1, {}); }, [] { return open("/etc/passwd", O_RDONLY); }) == 0);
  CHECK(LandlockReport(0, EOPNOTSUPP).starts_with("landlock: missing (Operation not supported; a kernel"));
  CHECK(LandlockReport(1, 0).starts_with("landlock: degraded (ABI 1: not used for files"));
  CHECK(LandlockReport(3, 0).starts_with("landlock: degraded (ABI 3: files only"));
  CHECK(LandlockReport(5, 0).starts_with("landlock: degraded (ABI 5: signals"));
  CHECK(LandlockReport(6, 0) == "landlock: ok (ABI 6)");
}

}  // namespace
}  // namespace hearth
