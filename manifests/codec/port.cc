// Ports and their places on the host.
#include <algorithm>

#include "common/base/ip.h"
#include "manifests/codec/parts.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::codec {

using json::ObjectReader;
using json::ObjectWriter;
using json::read_non_empty;
using json::read_text;
using json_text::Json;
using schema::AcName;

namespace {

constexpr std::int64_t kMaxPort = 65535;

std::optional<std::uint16_t> read_port_number(const JsonNode& node) {
  const auto number = node.as_int(1, kMaxPort);
  if (!number) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

// The count of a range; 0, as some tools write it, is one port.
std::optional<std::uint16_t> read_count(const JsonNode& node) {
  const auto number = node.as_int(0, kMaxPort);
  if (!number) return std::nullopt;
  return static_cast<std::uint16_t>(std::max<std::int64_t>(*number, 1));
}

std::optional<std::string> read_ip(const JsonNode& node) {
  auto text = read_text(node);
  if (!text || text->empty() || IpAddress::parse(*text)) return text;
  node.complain_expected("an IPv4 or IPv6 address");
  return std::nullopt;
}

}  // namespace

std::optional<schema::Port> read_port(const JsonNode& node) {
  ObjectReader object(node);
  const auto name_node = object.require("name");
  const auto protocol_node = object.require("protocol");
  const auto port_node = object.require("port");
  const auto count_node = object.find("count");
  const auto activated_node = object.find("socketActivated");
  auto name = name_node ? name_node->parsed(AcName::parse) : std::nullopt;
  auto protocol = protocol_node ? read_non_empty(*protocol_node) : std::nullopt;
  const auto port = port_node ? read_port_number(*port_node) : std::nullopt;
  const auto count = count_node ? read_count(*count_node) : std::optional<std::uint16_t>(1);
  const bool activated = activated_node && activated_node->as_bool().value_or(false);
  if (count_node && port && count && *port + *count - 1 > kMaxPort)
    count_node->complain(
        fmt::format("the range would end at port {}, above {}", *port + *count - 1, kMaxPort));
  if (!name || !protocol || !port || !count) return std::nullopt;
  return schema::Port{*std::move(name), *std::move(protocol), *port, *count, activated, object.extra()};
}

Result<Json> port_json(const schema::Port& port) {
  ObjectWriter object;
  object.add("name", port.name.str());
  object.add("protocol", port.protocol);
  object.add("port", port.port);
  object.add("count", port.count);
  object.add("socketActivated", port.socket_activated);
  TRY(object.add_extra(port.extra));
  return object.take();
}

std::optional<schema::ExposedPort> read_exposed_port(const JsonNode& node) {
  ObjectReader object(node);
  const auto name_node = object.require("name");
  const auto host_port_node = object.require("hostPort");
  const auto host_ip_node = object.find("hostIP");
  const auto pod_port_node = object.find("podPort");
  const auto app_node = object.find("app");
  auto name = name_node ? name_node->parsed(AcName::parse) : std::nullopt;
  const auto host_port = host_port_node ? read_port_number(*host_port_node) : std::nullopt;
  auto host_ip = host_ip_node ? read_ip(*host_ip_node) : std::optional<std::string>("");
  auto pod_port = pod_port_node ? read_port(*pod_port_node) : std::nullopt;
  auto app = app_node ? app_node->parsed(AcName::parse) : std::nullopt;
  if (!name || !host_port || !host_ip || (app_node && !app)) return std::nullopt;
  return schema::ExposedPort{*std::move(name),
                             *host_port,
                             *std::move(host_ip),
                             std::move(pod_port),
                             app ? app->str() : std::string(),
                             object.extra()};
}

Result<Json> exposed_port_json(const schema::ExposedPort& port) {
  ObjectWriter object;
  object.add("name", port.name.str());
  object.add("hostPort", port.host_port);
  if (!port.host_ip.empty()) object.add("hostIP", port.host_ip);
  if (port.pod_port) object.add("podPort", TRY(port_json(*port.pod_port)));
  if (!port.app.empty()) object.add("app", port.app);
  TRY(object.add_extra(port.extra));
  return object.take();
}

}  // namespace agena::codec
