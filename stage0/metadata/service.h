// The metadata service as a process: serves until it is told to end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/contract/metadata.h"

namespace agena::stage0 {

struct MetadataService {
  std::string socket;     // path of the registration socket
  std::string state_dir;  // where the registered pods are kept
  std::uint16_t port = contract::kMetadataPort;
};

// Serves until SIGTERM or SIGINT comes. Tells the service manager when it is ready. For a process with one
// thread.
Result<> serve_metadata(const MetadataService& service);

}  // namespace agena::stage0
