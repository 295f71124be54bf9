#include "stage1/net/capabilities.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

// A burst is what may pass at once after a pause, in bits: an eighth of a second's, but at least a few
// packets, and no more than the plugin takes (its own limit is 4 GiB).
constexpr std::uint64_t kLeastBurst = 256U << 10U;
constexpr std::uint64_t kMostBurst = INT32_MAX;

std::uint64_t burst_of(std::uint64_t rate) { return std::clamp(rate / 8, kLeastBurst, kMostBurst); }

// A range is as many ports for plugins.
void add_ports(const schema::PortMapping& mapping, Json& list) {
  for (int i = 0; i < mapping.count; ++i) {
    Json object = {{"hostPort", mapping.host_port + i},
                   {"containerPort", mapping.pod_port + i},
                   {"protocol", mapping.protocol}};
    if (mapping.host_ip) object["hostIP"] = mapping.host_ip->to_string();
    list.push_back(std::move(object));
  }
}

Json json_of(const PluginBandwidth& bandwidth) {
  Json object = Json::object();
  if (bandwidth.ingress > 0) {
    object["ingressRate"] = bandwidth.ingress;
    object["ingressBurst"] = burst_of(bandwidth.ingress);
  }
  if (bandwidth.egress > 0) {
    object["egressRate"] = bandwidth.egress;
    object["egressBurst"] = burst_of(bandwidth.egress);
  }
  return object;
}

// CNI's conventions call them "servers", "searches" and "options" here.
Json json_of(const CniDns& dns) {
  Json object = Json::object();
  if (!dns.nameservers.empty()) object["servers"] = dns.nameservers;
  if (!dns.search.empty()) object["searches"] = dns.search;
  if (!dns.options.empty()) object["options"] = dns.options;
  return object;
}

void add_args(const std::string& args, Json& root) {
  for (const std::string& pair : split(args, ';')) {
    const Cut parts = cut(pair, '=');
    if (parts.before == "IP" && !parts.after.empty()) root["ips"].push_back(parts.after);
    if (parts.before == "MAC" && !parts.after.empty()) root["mac"] = parts.after;
  }
}

schema::PortMapping port_of(const JsonNode& node) {
  const auto port = [&](std::string_view key) -> std::uint16_t {
    const auto value = node.require(key);
    return static_cast<std::uint16_t>(value ? value->as_uint(UINT16_MAX).value_or(0) : 0);
  };
  schema::PortMapping mapping;
  mapping.host_port = port("hostPort");
  mapping.pod_port = port("containerPort");
  if (const auto protocol = node.require("protocol")) mapping.protocol = protocol->as_string().value_or("");
  if (const auto host = node.find("hostIP"))
    mapping.host_ip = host->parsed([](std::string_view address) { return IpAddress::parse(address); });
  return mapping;
}

}  // namespace

Result<std::string> render_capabilities(const CapabilityValues& values) {
  Json root = Json::object();
  for (const schema::PortMapping& mapping : values.ports)
    add_ports(mapping, root[std::string(kPortMappings)]);
  if (values.bandwidth) root[std::string(kBandwidth)] = json_of(*values.bandwidth);
  if (Json dns = json_of(values.dns); !dns.empty()) root["dns"] = std::move(dns);
  add_args(values.args, root);
  return root.empty() ? std::string() : json_text::dump(root);
}

Result<std::vector<schema::PortMapping>> ports_in_capabilities(std::string_view text) {
  std::vector<schema::PortMapping> ports;
  if (text.empty()) return ports;
  const Json root = TRY(json_text::parse(text));
  JsonProblems problems("the values for plugins");
  if (const auto list = JsonNode(root, problems).find(kPortMappings))
    list->each([&](const JsonNode& node) { ports.push_back(port_of(node)); });
  TRY(problems.to_result());
  return ports;
}

}  // namespace agena::stage1
