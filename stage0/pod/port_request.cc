#include "stage0/pod/port_request.h"

#include <algorithm>
#include <vector>

#include "common/base/strings.h"
#include "manifests/schema/port_map.h"

namespace agena::stage0 {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool declares(const schema::RuntimeApp& app, std::string_view name) {
  return app.app && std::ranges::any_of(app.app->ports,
                                        [&](const schema::Port& port) { return port.name.str() == name; });
}

Result<std::uint16_t> port_number(std::string_view text) {
  return static_cast<std::uint16_t>(TRY_CTX(parse_int(text, 1, 65535), "port of the pod"));
}

// The parts "FIRST[-LAST]" and "PROTO" of a port by number.
struct NumberAndProtocol {
  std::string_view number;
  std::string_view protocol;
};
NumberAndProtocol split_protocol(std::string_view text) {
  if (const Cut slash = cut(text, '/'); slash.found) return {slash.before, slash.after};
  const std::size_t dash = text.rfind('-');
  if (dash == std::string_view::npos || is_number(text.substr(dash + 1))) return {text, "tcp"};
  return {text.substr(0, dash), text.substr(dash + 1)};
}

}  // namespace

bool is_port_by_number(std::string_view text) { return is_number(text.substr(0, text.find_first_of("-/"))); }

Result<schema::Port> parse_port_by_number(std::string_view text) {
  const NumberAndProtocol parts = split_protocol(text);
  const Cut range = cut(parts.number, '-');
  const std::string protocol = to_lower(parts.protocol);
  if (!schema::is_forwarded_protocol(protocol))
    return fail(ErrorKind::kInvalidInput, "unknown protocol '{}' (tcp, udp, sctp)",
                printable(parts.protocol));
  const std::uint16_t first = TRY(port_number(range.before));
  const std::uint16_t last = range.found ? TRY(port_number(range.after)) : first;
  if (last < first)
    return fail(ErrorKind::kInvalidInput, "the range '{}' ends before it begins", printable(parts.number));
  return schema::Port{.name = TRY(schema::AcName::parse(fmt::format("{}-{}", parts.number, protocol))),
                      .protocol = protocol,
                      .port = first,
                      .count = static_cast<std::uint16_t>(last - first + 1)};
}

Result<schema::ExposedPort> expose(const PortRequest& request, std::span<const schema::RuntimeApp> apps) {
  const auto exposed = [&](schema::AcName name, std::optional<schema::Port> pod_port) {
    return schema::ExposedPort{.name = std::move(name),
                               .host_port = request.host_port,
                               .host_ip = request.host_ip,
                               .pod_port = std::move(pod_port)};
  };
  const auto is_declared = [&](const schema::RuntimeApp& app) { return declares(app, request.name); };
  const bool by_number =
      request.protocol.empty() && std::ranges::none_of(apps, is_declared) && is_port_by_number(request.name);
  if (by_number) {
    auto port = TRY_CTX(parse_port_by_number(request.name), "--port");
    return exposed(port.name, port);
  }
  auto name = TRY_CTX(schema::AcName::parse(request.name), "--port");
  if (request.protocol.empty()) return exposed(std::move(name), std::nullopt);
  return exposed(name, schema::Port{.name = name, .protocol = request.protocol, .port = request.pod_port});
}

Result<> check_ports(const schema::PodManifest& manifest) {
  std::vector<schema::AppPorts> apps;
  for (const schema::RuntimeApp& app : manifest.apps)
    if (app.app) apps.push_back({app.name.str(), app.app->ports});
  TRY(schema::port_mappings(manifest.ports, apps));
  return {};
}

}  // namespace agena::stage0
