#include "stage1/net/cni_result.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "stage1/net/net_conf.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

// Shapes of a result, by the first version that has it.
constexpr std::string_view kLists = "0.3.0";
constexpr std::string_view kPlainIps = "1.0.0";

// Nothing that a pod could use comes near to these. What the pod's first process is told of them must go
// into one message.
constexpr std::size_t kMostItems = 1024;
constexpr std::size_t kMostDnsTexts = 64;
constexpr std::size_t kMostDnsBytes = 1024;

std::string text_of(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? member->as_string().value_or("") : "";
}

// An absent or empty member is no address.
std::optional<IpAddress> address_of(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  if (!member || text_of(node, key).empty()) return std::nullopt;
  return member->parsed(IpAddress::parse);
}

CniInterface read_interface(const JsonNode& node) {
  CniInterface interface;
  if (const auto name = node.require("name")) interface.name = name->as_string().value_or("");
  interface.mac = text_of(node, "mac");
  interface.sandbox = text_of(node, "sandbox");
  return interface;
}

std::optional<CniRoute> read_route(const JsonNode& node) {
  const auto destination = node.require("dst");
  if (!destination) return std::nullopt;
  const auto prefix = destination->parsed(IpPrefix::parse);
  const auto gateway = address_of(node, "gw");
  if (!prefix) return std::nullopt;
  return CniRoute{*prefix, gateway};
}

// Of one address: its member is called "ip" in the old shape, "address" in the others.
std::optional<CniIp> read_ip(const JsonNode& node, std::string_view key) {
  const auto address = node.require(key);
  if (!address) return std::nullopt;
  const auto prefix = address->parsed(IpPrefix::parse);
  CniIp ip{.address = {}, .gateway = address_of(node, "gateway")};
  if (const auto interface = node.find("interface")) {
    // Plugins that know none have written -1.
    const auto index = interface->as_int(-1, INT32_MAX);
    if (index && *index >= 0) ip.interface = static_cast<std::size_t>(*index);
  }
  if (!prefix) return std::nullopt;
  ip.address = *prefix;
  return ip;
}

template <class Item, class Read>
void read_list(const JsonNode& root, std::string_view key, std::vector<Item>& items, const Read& read) {
  const auto list = root.find(key);
  if (!list) return;
  list->each([&](const JsonNode& node) {
    if (items.size() > kMostItems) return;
    if (!node.is_object()) return node.complain_expected("an object");
    if (std::optional<Item> item = read(node)) items.push_back(*std::move(item));
  });
  if (items.size() > kMostItems) list->complain(fmt::format("more than {} items", kMostItems));
}

void read_old_shape(const JsonNode& root, CniResult& result) {
  for (const std::string_view key : {"ip4", "ip6"}) {
    const auto node = root.find(key);
    if (!node) continue;
    if (!node->is_object()) {
      node->complain_expected("an object");
      continue;
    }
    if (const auto ip = read_ip(*node, "ip")) result.ips.push_back(*ip);
    read_list(*node, "routes", result.routes, read_route);
  }
}

void read_lists(const JsonNode& root, CniResult& result) {
  read_list(root, "interfaces", result.interfaces,
            [](const JsonNode& node) { return std::optional(read_interface(node)); });
  read_list(root, "ips", result.ips, [](const JsonNode& node) { return read_ip(node, "address"); });
  read_list(root, "routes", result.routes, read_route);
}

// The texts that are left to read become words of resolv.conf, where a line's end would begin another line.
std::optional<std::string> read_dns_text(const JsonNode& node) {
  auto text = node.as_string();
  if (!text) return std::nullopt;
  if (text->size() > kMostDnsBytes) {
    node.complain(fmt::format("longer than {} bytes", kMostDnsBytes));
    return std::nullopt;
  }
  if (std::ranges::any_of(*text, [](unsigned char c) { return c < ' ' || c == 0x7f; })) {
    node.complain("has control characters");
    return std::nullopt;
  }
  return text;
}

Json list_of(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

Json json_of(const CniDns& dns) {
  Json object = Json::object();
  if (!dns.nameservers.empty()) object["nameservers"] = list_of(dns.nameservers);
  if (!dns.domain.empty()) object["domain"] = dns.domain;
  if (!dns.search.empty()) object["search"] = list_of(dns.search);
  if (!dns.options.empty()) object["options"] = list_of(dns.options);
  return object;
}

Json json_of(const CniRoute& route) {
  Json object = {{"dst", route.destination.to_string()}};
  if (route.gateway) object["gw"] = route.gateway->to_string();
  return object;
}

Json json_of(const CniInterface& interface) {
  Json object = {{"name", interface.name}};
  if (!interface.mac.empty()) object["mac"] = interface.mac;
  if (!interface.sandbox.empty()) object["sandbox"] = interface.sandbox;
  return object;
}

Json json_of(const CniIp& ip, bool tells_version) {
  Json object = Json::object();
  if (tells_version) object["version"] = ip.address.address.is_v4() ? "4" : "6";
  if (ip.interface) object["interface"] = *ip.interface;
  object["address"] = ip.address.to_string();
  if (ip.gateway) object["gateway"] = ip.gateway->to_string();
  return object;
}

// An interface of the old shape has one address of each IP version, with the routes of that version.
void write_old_shape(const CniResult& result, Json& root) {
  for (const bool v4 : {true, false}) {
    const auto ip =
        std::ranges::find_if(result.ips, [&](const CniIp& one) { return one.address.address.is_v4() == v4; });
    if (ip == result.ips.end()) continue;
    Json object = {{"ip", ip->address.to_string()}};
    if (ip->gateway) object["gateway"] = ip->gateway->to_string();
    for (const CniRoute& route : result.routes)
      if (route.destination.address.is_v4() == v4) object["routes"].push_back(json_of(route));
    root[v4 ? "ip4" : "ip6"] = std::move(object);
  }
}

void write_lists(const CniResult& result, bool ips_tell_version, Json& root) {
  for (const CniInterface& interface : result.interfaces) root["interfaces"].push_back(json_of(interface));
  for (const CniIp& ip : result.ips) root["ips"].push_back(json_of(ip, ips_tell_version));
  for (const CniRoute& route : result.routes) root["routes"].push_back(json_of(route));
}

}  // namespace

std::vector<CniIp> CniResult::ips_of(std::string_view interface) const {
  std::vector<CniIp> own;
  for (const CniIp& ip : ips) {
    const bool listed = ip.interface && *ip.interface < interfaces.size();
    if (!listed ||
        (interfaces[*ip.interface].name == interface && !interfaces[*ip.interface].sandbox.empty()))
      own.push_back(ip);
  }
  return own;
}

CniDns read_cni_dns(const JsonNode& node) {
  CniDns dns;
  if (!node.is_object()) {
    node.complain_expected("an object");
    return dns;
  }
  std::size_t count = 0;
  const auto read_texts = [&](std::string_view key, std::vector<std::string>& texts) {
    const auto list = node.find(key);
    if (!list) return;
    list->each([&](const JsonNode& one) {
      if (++count > kMostDnsTexts) return;
      if (auto text = read_dns_text(one)) texts.push_back(*std::move(text));
    });
  };
  read_texts("nameservers", dns.nameservers);
  read_texts("search", dns.search);
  read_texts("options", dns.options);
  if (count > kMostDnsTexts) node.complain(fmt::format("more than {} texts", kMostDnsTexts));
  if (const auto domain = node.find("domain")) dns.domain = read_dns_text(*domain).value_or("");
  return dns;
}

Result<CniResult> parse_cni_result(std::string_view text, std::string_view asked) {
  const Json root = TRY_CTX(json_text::parse(text), "result");
  JsonProblems problems("result");
  const JsonNode node(root, problems);
  CniResult result;
  if (!node.is_object()) {
    node.complain_expected("an object");
    TRY(problems.to_result());
  }
  const std::string told = text_of(node, "cniVersion");
  result.version = told.empty() ? std::string(asked) : told;
  if (!is_known_cni_version(result.version))
    return fail(ErrorKind::kUnsupported, "result: CNI version '{}' is not known here",
                printable(result.version));
  if (is_at_least(result.version, kLists))
    read_lists(node, result);
  else
    read_old_shape(node, result);
  if (const auto dns = node.find("dns")) result.dns = read_cni_dns(*dns);
  TRY(problems.to_result());
  result.text = TRY(json_text::dump(root));
  return result;
}

Result<std::string> render_cni_result(const CniResult& result, std::string_view version) {
  if (!result.text.empty() && result.version == version) return result.text;
  Json root = {{"cniVersion", version}};
  if (is_at_least(version, kLists))
    write_lists(result, !is_at_least(version, kPlainIps), root);
  else
    write_old_shape(result, root);
  root["dns"] = json_of(result.dns);
  return json_text::dump(root);
}

}  // namespace agena::stage1
