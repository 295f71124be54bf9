#include "stage1/units/socket_units.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "stage1/run/listen_sockets.h"
#include "stage1/units/unit_file.h"

namespace agena::stage1 {
namespace {

struct ProtocolRow {
  std::string_view name;
  std::string_view directive;
};
constexpr std::array kProtocols = {ProtocolRow{"tcp", "ListenStream"}, ProtocolRow{"udp", "ListenDatagram"}};
static_assert(sorted_by_name(kProtocols));

std::uint16_t number_of(const Pod& pod, const schema::Port& port) {
  if (!pod.options.network.is_hosts()) return port.port;
  const auto exposed = std::ranges::find(pod.manifest.ports, port.name, &schema::ExposedPort::name);
  return exposed == pod.manifest.ports.end() ? port.port : exposed->host_port;
}

std::string unit_name(const PodApp& app, const schema::Port& port) {
  return app.name() + "." + port.name.str() + ".socket";
}

Result<NamedFile> socket_unit(const Pod& pod, const PodApp& app, const schema::Port& port) {
  const ProtocolRow* protocol = find_by_name(kProtocols, port.protocol);
  if (protocol == nullptr)
    return fail(ErrorKind::kInvalidInput,
                "port '{}' of app '{}' cannot be socket-activated: its protocol is '{}', not tcp or udp",
                port.name.str(), app.name(), printable(port.protocol));
  UnitFile unit;
  unit.section("Unit")
      .set("Description", fmt::format("Port {} of {}", port.name.str(), app.name()))
      .set("DefaultDependencies", "no")
      .set("Before", "halt.target")
      .set("Conflicts", "halt.target");
  unit.section("Socket").set("Service", app.name() + ".service").set("FileDescriptorName", port.name.str());
  const std::uint16_t first = number_of(pod, port);
  for (unsigned i = 0; i < port.count; ++i) unit.set(protocol->directive, fmt::format("{}", first + i));
  return NamedFile{unit_name(app, port), unit.text()};
}

}  // namespace

bool listens_in_pod(const Pod& pod, const PodApp& app) {
  return is_socket_activated(app) &&
         std::ranges::find(pod.apps_with_sockets, app.name()) == pod.apps_with_sockets.end();
}

Result<std::vector<NamedFile>> socket_units(const Pod& pod, const PodApp& app) {
  std::vector<NamedFile> units;
  if (!listens_in_pod(pod, app)) return units;
  for (const schema::Port& port : app.app.ports)
    if (port.socket_activated) units.push_back(TRY(socket_unit(pod, app, port)));
  return units;
}

std::vector<std::string> socket_unit_names(const PodApp& app) {
  std::vector<std::string> names;
  for (const schema::Port& port : app.app.ports)
    if (port.socket_activated) names.push_back(unit_name(app, port));
  return names;
}

}  // namespace agena::stage1
