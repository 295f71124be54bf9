// Registering pods with the metadata service, by its registration socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// How a pod is, or was, registered.
struct MdsRegistration {
  std::string token;
  bool host_network = false;
  // Of the public service; 0 if the service does not tell.
  std::uint16_t port = 0;
};

// An error if there is no service at the socket, with what to do about it.
Result<> check_metadata_service(const std::string& socket);

// Registers a pod with a new token: its manifest and its apps' image manifests as they are in its directory,
// where `mds-registered` tells of it from then on. Tried three times, a second apart.
Result<MdsRegistration> register_pod(const std::string& socket, const Uuid& uuid, const sys::DirFd& pod,
                                     bool host_network);

// Tells what a registered pod is now (its apps have changed); nothing happens if it is not registered.
Result<> update_registration(const std::string& socket, const Uuid& uuid, const sys::DirFd& pod);

// Unregisters a pod, if it is registered, and removes `mds-registered`. A service that does not run, or does
// not know the pod, is no error.
Result<> unregister_pod(const std::string& socket, const Uuid& uuid, const sys::DirFd& pod);

}  // namespace agena::stage0
