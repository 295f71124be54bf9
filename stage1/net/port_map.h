// The forwarded ports of a pod's manifest, with the numbers that its apps give them.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/stage2/pod_app.h"
#include "manifests/schema/port_map.h"

namespace agena::stage1 {

// The mappings of a manifest that go with an app, or with the pod (an empty name), by the names of these
// apps.
inline Result<std::vector<schema::PortMapping>> port_mappings(const schema::PodManifest& manifest,
                                                              std::span<const stage2::PodApp> apps,
                                                              std::string_view owner = {}) {
  std::vector<schema::ExposedPort> exposed;
  for (const schema::ExposedPort& port : manifest.ports)
    if (port.app == owner) exposed.push_back(port);
  std::vector<schema::AppPorts> names;
  for (const stage2::PodApp& app : apps) names.push_back({app.name(), app.app.ports});
  return schema::port_mappings(exposed, names);
}

}  // namespace agena::stage1
