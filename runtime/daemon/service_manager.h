#pragma once

#include <string_view>

#include "runtime/base/result.h"

namespace hearth {

// Tells the service manager what has become of this process ("READY=1", "STOPPING=1", "STATUS=..."): one datagram to
// the socket that systemd names in NOTIFY_SOCKET, as sd_notify(3) has it. Ok where nobody asked.
Status TellServiceManager(std::string_view state);

}  // namespace hearth
