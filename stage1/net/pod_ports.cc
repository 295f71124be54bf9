#include "stage1/net/pod_ports.h"

#include <utility>

#include "common/base/log.h"
#include "stage1/net/flows.h"
#include "stage1/net/loopback_guard.h"

namespace agena::stage1 {
namespace {

// The pod must have an address of each version that a port asks for by its host address.
Result<> check_target(const schema::PortMapping& port, const ForwardTarget& target) {
  if (!target.v4 && !target.v6)
    return fail(ErrorKind::kInvalidInput,
                "ports cannot be forwarded: no network of the pod has given it an address");
  if (!port.host_ip) return {};
  const bool v4 = port.host_ip->is_v4();
  if (v4 ? target.v4 : target.v6) return {};
  return fail(ErrorKind::kInvalidInput,
              "port {} cannot be forwarded: no network of the pod has given it an IPv{} address",
              port.place(), v4 ? 4 : 6);
}

}  // namespace

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

Result<> PodPorts::remove(const std::string& app) {
  // Held until its rules and flows are gone: what is sent to the next owner is not to reach the pod.
  const auto leaving = ports_.extract(app);
  if (leaving.empty()) return {};
  auto written = write();
  if (active_) forget(leaving.mapped().ports);
  return written;
}

Result<> PodPorts::begin(std::vector<IpPrefix> masquerade, ForwardTarget target, bool plugins_forward) {
  masquerade_ = std::move(masquerade);
  target_ = std::move(target);
  for (auto& [app, own] : ports_) own.by_plugin = plugins_forward;
  active_ = true;
  return write();
}

Result<> PodPorts::end() {
  const auto leaving = std::exchange(ports_, {});
  auto removed = rules_.remove();
  if (std::exchange(active_, false))
    for (const auto& [app, own] : leaving) forget(own.ports);
  return removed;
}

void PodPorts::forget(std::span<const schema::PortMapping> ports) const {
  if (const auto forgotten = forget_flows_of(ports, target_); !forgotten)
    log::warning("who sent to the pod's UDP ports may not reach their next owner for some minutes: {}",
                 forgotten.error().to_string());
}

Result<> PodPorts::write() {
  if (!active_) return {};
  PodRules rules{.masquerade = masquerade_, .target = target_};
  for (const auto& [app, own] : ports_)
    if (!own.by_plugin) rules.ports.insert(rules.ports.end(), own.ports.begin(), own.ports.end());
  for (const schema::PortMapping& port : rules.ports) TRY(check_target(port, target_));
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
