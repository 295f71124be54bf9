// The two sockets that the metadata service listens on: passed by the service manager (sd_listen_fds(3)), or
// our own.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

struct MetadataListeners {
  sys::UniqueFd registration;     // a Unix socket
  sys::UniqueFd metadata;         // TCP
  std::uint16_t port = 0;         // of the latter
  bool own_registration = false;  // made here: its file is ours to remove
};

// Takes what was passed to this process, and makes what was not: `socket` is a path whose directory is made
// if need be; 0 as `port` is a free one. kAlreadyExists if a service listens there already.
Result<MetadataListeners> open_metadata_listeners(const std::string& socket, std::uint16_t port);

}  // namespace agena::stage0
