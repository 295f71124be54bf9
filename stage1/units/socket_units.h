// Sockets that the pod's systemd listens on for an app, which it starts at the first connection. For apps
// with socket-activated ports to whom the host's service manager has passed nothing.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "stage1/units/pod_units.h"

namespace agena::stage1 {

// Whether the pod's systemd listens for the app.
bool listens_in_pod(const Pod& pod, const PodApp& app);
// APP.PORT.socket for each socket-activated port ('.' is in no name of appc's, so they are unique), with the
// port's name as the descriptor's. The numbers are the app's own; in the host's network the host's, where the
// pod exposes the port. None if nobody listens in the pod; an error for a protocol that has no sockets.
Result<std::vector<NamedFile>> socket_units(const Pod& pod, const PodApp& app);
// The names of these units.
std::vector<std::string> socket_unit_names(const PodApp& app);

}  // namespace agena::stage1
