// The sd_notify(3) protocol without libsystemd: state datagrams to and from a service manager.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Sends a state ("READY=1") to the service manager named by $NOTIFY_SOCKET; nothing happens without it.
Result<> notify_manager(std::string_view state);
// A datagram socket bound at a path, for a manager of our own that shall notify us; non-blocking.
Result<UniqueFd> listen_notify(DirRef dir, const std::string& path);
// The next datagram; empty if there is none.
Result<std::string> receive_notify(const UniqueFd& socket);

}  // namespace agena::sys
