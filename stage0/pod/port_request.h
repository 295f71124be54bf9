// Ports of the host that are asked for, as a pod manifest has them.
#pragma once

#include <span>
#include <string_view>

#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// A port of a pod by its number: PORT, PORT/PROTO or PORT-PROTO, where PORT may be a range FIRST-LAST and
// PROTO is tcp (also without one), udp or sctp. The port's name is FIRST[-LAST]-PROTO.
Result<schema::Port> parse_port_by_number(std::string_view text);
// Whether a text is meant as such: it begins with a digit and has only digits before the first '-' or '/'.
bool is_port_by_number(std::string_view text);

// The requested port. A name that an app declares is that port; one that none declares may be a number. An
// error for a name that is neither.
Result<schema::ExposedPort> expose(const PortRequest& request, std::span<const schema::RuntimeApp> apps);

// Checks that the ports of a manifest and of its apps fit together; the apps have their app sections.
Result<> check_ports(const schema::PodManifest& manifest);

}  // namespace agena::stage0
