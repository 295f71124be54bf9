#include "stage1/net/pod_ports.h"

#include "common/base/log.h"
#include "stage1/net/flows.h"
#include "stage1/net/loopback_guard.h"

namespace agena::stage1 {

std::vector<schema::PortMapping> PodPorts::mappings() const {
  std::vector<schema::PortMapping> all;
  for (const auto& [app, own] : ports_) all.insert(all.end(), own.ports.begin(), own.ports.end());
  return all;
}

Result<> PodPorts::add(const std::string& app, std::vector<schema::PortMapping> ports) {
  if (ports.empty()) return {};
  for (const schema::PortMapping& port : ports)
    for (const schema::PortMapping& other : mappings())
      if (schema::overlap(port, other))
        return fail(ErrorKind::kInvalidInput, "port {} already mapped to pod port {}", port.place(),
                    other.pod_port);
  if (ports_.contains(app)) return fail(ErrorKind::kInternal, "the ports of app '{}' are there already", app);
  HeldPorts held = TRY(HeldPorts::hold(ports));
  ports_.emplace(app, Own{.ports = std::move(ports), .held = std::move(held)});
  auto written = write();
  if (!written) ports_.erase(app);
  return written;
}

Result<> PodPorts::remove(const std::string& app) { return ports_.erase(app) == 0 ? Result<>() : write(); }

Result<> PodPorts::begin(std::vector<IpPrefix> masquerade, ForwardTarget target, bool plugins_forward) {
  masquerade_ = std::move(masquerade);
  target_ = std::move(target);
  for (auto& [app, own] : ports_) own.by_plugin = plugins_forward;
  active_ = true;
  return write();
}

Result<> PodPorts::end() {
  active_ = false;
  ports_.clear();
  return rules_.remove();
}

Result<> PodPorts::write() {
  if (!active_) return {};
  PodRules rules{.masquerade = masquerade_, .target = target_};
  for (const auto& [app, own] : ports_)
    if (!own.by_plugin) rules.ports.insert(rules.ports.end(), own.ports.begin(), own.ports.end());
  if (!rules.ports.empty() && !target_.v4 && !target_.v6)
    return fail(ErrorKind::kInvalidInput,
                "ports cannot be forwarded: no network of the pod has given it an address");
  rules.guard_loopback = routed_;
  TRY(rules_.install(rules));
  if (rules.ports.empty()) return {};
  routed_ = true;
  if (const auto forgotten = forget_stale_flows(rules.ports, target_); !forgotten)
    log::warning("who sent to the pod's UDP ports before may not reach it for some minutes: {}",
                 forgotten.error().to_string());
  if (const auto routed = route_local_addresses(target_); !routed)
    log::warning("forwarded ports cannot be reached from 127.0.0.1: {}", routed.error().to_string());
  return {};
}

}  // namespace agena::stage1
