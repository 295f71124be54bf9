#include "manifests/schema/port_map.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"

namespace agena::schema {
namespace {

constexpr std::array<std::string_view, 3> kProtocols = {"tcp", "udp", "sctp"};

// "'http' of app 'web', …".
std::string ports_there_are(std::span<const AppPorts> apps) {
  std::string list;
  for (const AppPorts& app : apps)
    for (const Port& port : app.ports)
      list += fmt::format("{}'{}' of app '{}'", list.empty() ? "" : ", ", port.name.str(), app.app);
  return list;
}

std::unexpected<Error> unknown_port(const ExposedPort& exposed, std::span<const AppPorts> apps) {
  const std::string list = ports_there_are(apps);
  auto error = Error(ErrorKind::kInvalidInput,
                     fmt::format("port name '{}' could not be found in any apps{}{}", exposed.name.str(),
                                 list.empty() ? "" : "; there are: ", list));
  return std::unexpected(std::move(error).with_hint(
      "a port that no image names is given by its number: --port=80:8080 or --port=53/udp:5353"));
}

Result<const Port*> find_port(const ExposedPort& exposed, std::span<const AppPorts> apps) {
  const Port* found = nullptr;
  std::string_view owner;
  for (const AppPorts& app : apps) {
    if (!exposed.app.empty() && app.app != exposed.app) continue;
    const auto port = std::ranges::find(app.ports, exposed.name, &Port::name);
    if (port == app.ports.end()) continue;
    if (found != nullptr)
      return std::unexpected(Error(ErrorKind::kInvalidInput,
                                   fmt::format("port name '{}' is defined by several apps: '{}' and '{}'",
                                               exposed.name.str(), owner, app.app))
                                 .with_hint("a port can be given by its number: --port=80/tcp:8080"));
    found = &*port;
    owner = app.app;
  }
  if (found == nullptr) return unknown_port(exposed, apps);
  return found;
}

Result<PortMapping> mapping_of(const ExposedPort& exposed, std::span<const AppPorts> apps) {
  const Port& port = exposed.pod_port ? *exposed.pod_port : *TRY(find_port(exposed, apps));
  PortMapping mapping{.name = exposed.name.str(),
                      .protocol = to_lower(port.protocol),
                      .host_port = exposed.host_port,
                      .pod_port = port.port,
                      .count = std::max<std::uint16_t>(port.count, 1),
                      .app = exposed.app};
  if (!is_forwarded_protocol(mapping.protocol))
    return fail(ErrorKind::kUnsupported, "port '{}': its protocol is '{}', not {}", mapping.name,
                printable(port.protocol), "tcp, udp or sctp");
  if (!exposed.host_ip.empty()) {
    mapping.host_ip = TRY_CTX(IpAddress::parse(exposed.host_ip), "port '{}'", mapping.name);
    TRY_CTX(check_forwarded_from(*mapping.host_ip), "port '{}'", mapping.name);
  }
  if (mapping.host_port + mapping.count - 1 > UINT16_MAX)
    return fail(ErrorKind::kInvalidInput,
                "port '{}' is a range of {}, which does not fit behind host port {}", mapping.name,
                mapping.count, mapping.host_port);
  return mapping;
}

}  // namespace

Result<> check_forwarded_from(const IpAddress& host) {
  if (host.is_v4() || !host.is_loopback()) return {};
  return fail(ErrorKind::kInvalidInput,
              "ports cannot be forwarded from '{}': the kernel brings no answers back to it; use 127.0.0.1",
              host.to_string());
}

bool is_forwarded_protocol(std::string_view protocol) {
  return std::ranges::find(kProtocols, protocol) != kProtocols.end();
}

std::string PortMapping::place() const {
  const std::string ip = host_ip ? host_ip->to_string() : "0.0.0.0";
  return host_ip && host_ip->is_v6() ? fmt::format("{}-[{}]:{}", protocol, ip, host_port)
                                     : fmt::format("{}-{}:{}", protocol, ip, host_port);
}

bool is_for(const PortMapping& mapping, bool v4) {
  return !mapping.host_ip || mapping.host_ip->is_v4() == v4;
}

bool overlap(const PortMapping& a, const PortMapping& b) {
  const auto meet = [](const IpAddress& one, const IpAddress& other) {
    return one.is_v4() == other.is_v4() && (one.is_unspecified() || other.is_unspecified() || one == other);
  };
  if (a.protocol != b.protocol) return false;
  if (a.host_ip && b.host_ip && !meet(*a.host_ip, *b.host_ip)) return false;
  return a.host_port < b.host_port + b.count && b.host_port < a.host_port + a.count;
}

Result<std::vector<PortMapping>> port_mappings(std::span<const ExposedPort> exposed,
                                               std::span<const AppPorts> apps) {
  std::vector<PortMapping> mappings;
  for (const ExposedPort& port : exposed) {
    PortMapping mapping = TRY(mapping_of(port, apps));
    for (const PortMapping& other : mappings)
      if (overlap(mapping, other))
        return fail(ErrorKind::kInvalidInput, "port {} already mapped to pod port {}", mapping.place(),
                    other.pod_port);
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

}  // namespace agena::schema
