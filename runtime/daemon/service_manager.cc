#include "runtime/daemon/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "runtime/base/unique_fd.h"

namespace hearth {

Status TellServiceManager(std::string_view state) {
  const char* const named = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = named == nullptr ? "" : named;
  if (path.empty()) return Ok();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // "@": a name of the kernel's, not of a file.
  if ((path[0] != '/' && path[0] != '@') || path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::kMisconfigured, "NOTIFY_SOCKET names no socket: " + std::string(path)};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return ErrnoError("make a socket for the service manager");
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const ssize_t sent = ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                reinterpret_cast<const sockaddr*>(&address), length);
  return sent < 0 ? Status(ErrnoError("tell the service manager at " + std::string(path))) : Ok();
}

}  // namespace hearth
