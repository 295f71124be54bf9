// The recorder: run by an app's service when it has stopped, it brings systemd's account of the end to the
// hub. Where the pod's systemd is asked to power off, it asks the hub for the pod's stop.
#pragma once

#include <string>

#include "common/base/result.h"

namespace agena::stage2 {

// Tells the hub how the service of `app` ended, by $SERVICE_RESULT, $EXIT_CODE and $EXIT_STATUS of the
// calling process (systemd.exec(5)). `again`: it has been told, unless who should have was killed. Returns
// when the hub has the app's status on disk.
Result<> record_end(const std::string& app, const std::string& hub_socket, bool again);

// Asks the hub for the stop of the pod.
Result<> request_pod_stop(const std::string& hub_socket);
// Whether an app may start now, as the hub says it.
Result<bool> may_start(const std::string& app, const std::string& hub_socket);

}  // namespace agena::stage2
