#include "runtime/worker/worker_setup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "runtime/wire/packet.h"
#include "sandbox/private_root.h"
#include "sandbox/seccomp_filter.h"

namespace hearth {

void StageSender::Entered(std::string_view stage) { (void)SendPacket(fd_, EncodeStage(stage)); }

void FailSetup(int init, const StageFailure& failure) {
  (void)SendPacket(init, EncodeSetupFailed(failure));
  _exit(1);
}

ZygoteConfigFrame ReceiveConfig(int init, std::vector<UniqueFd>& fds) {
  auto received = ReceivePacket(init, FdPolicy::kAccept);
  if (!received.ok() || received->kind != ReceivedPacket::Kind::kPacket) _exit(0);
  auto config = DecodeZygoteConfig(received->packet.bytes);
  if (!config)
    FailSetup(init, {"read configuration", EBADMSG, "init and worker are of different versions", 0});
  fds = std::move(received->packet.fds);
  return std::move(*config);
}

void ApplyEnvironment(const ZygoteConfigFrame& config) {
  clearenv();
  for (const std::string& pair : config.environment) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos) continue;
    setenv(pair.substr(0, equals).c_str(), pair.c_str() + equals + 1, 1);
  }
}

std::vector<FileGrant> GrantsOfAll() {
  std::vector<FileGrant> files;
  for (const std::string& folder : LibraryFolders()) files.push_back({folder, FileAccess::kRead});
  files.push_back({"/etc", FileAccess::kRead});
  files.push_back({"/dev", FileAccess::kDevices});
  return files;
}

std::vector<FileGrant> GrantsOf(const ZygoteConfigFrame& config) {
  std::vector<FileGrant> files{{kPackageFolder, FileAccess::kRead}};
  for (const std::string& folder : config.readable) files.push_back({folder, FileAccess::kRead});
  for (const std::string& folder : config.writable) files.push_back({folder, FileAccess::kReadWrite});
  return files;
}

TcpAccess TcpOf(const ZygoteConfigFrame& config) {
  constexpr uint32_t kDns = 53;
  TcpAccess tcp{.every_port = config.egress != 0 && config.tcp_ports.empty(), .ports = config.tcp_ports};
  if (!tcp.ports.empty()) tcp.ports.push_back(kDns);
  return tcp;
}

std::vector<MountAccess> AccessTo(const std::vector<std::string>& mounts) {
  std::vector<MountAccess> all;
  for (const std::string& mount : mounts) {
    struct stat info {};
    MountAccess& access = all.emplace_back();
    access.owned = stat(mount.c_str(), &info) == 0 && info.st_uid == geteuid() ? 1 : 0;
    if (faccessat(AT_FDCWD, mount.c_str(), R_OK | X_OK, 0) != 0) access.read_error = errno;
    if (faccessat(AT_FDCWD, mount.c_str(), W_OK | X_OK, 0) != 0) access.write_error = errno;
  }
  return all;
}

void InstallListenedFilter(int init, std::string_view program) {
  const UniqueFd listener(InstallSeccompWithListener(program));
  if (!listener) FailSetup(init, {"install seccomp filter", errno, {}, 0});
  const int fds[] = {listener.get()};
  if (!SendPacket(init, EncodeListener(), fds).ok()) _exit(1);
}

}  // namespace hearth
