#include "stage1/net/network_facts.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/sys/rtnetlink.h"

namespace agena::stage1 {

using json_text::Json;

Result<std::string> find_host_address(const std::vector<IpAddress>& gateways) {
  auto netlink = TRY(sys::RouteNetlink::open());
  const auto own = TRY(netlink.addresses());
  std::optional<IpAddress> found;
  for (const IpAddress& gateway : gateways) {
    const bool is_own = std::ranges::any_of(
        own, [&](const sys::LinkAddress& address) { return address.prefix.address == gateway; });
    if (is_own && (!found || (gateway.is_v4() && found->is_v6()))) found = gateway;
  }
  return found ? found->to_string() : std::string();
}

Result<std::string> render_network_facts(const NetworkFacts& facts) {
  Json json = Json::object();
  if (facts.resolv_conf) json["resolvConf"] = *facts.resolv_conf;
  json["addresses"] = facts.addresses;
  json["hostAddress"] = facts.host_address;
  return json_text::dump(json);
}

Result<NetworkFacts> parse_network_facts(std::string_view text) {
  const Json json = TRY_CTX(json_text::parse(text), "facts of the networks");
  JsonProblems problems("facts of the networks");
  const JsonNode node(json, problems);
  NetworkFacts facts;
  if (const auto conf = node.find("resolvConf")) facts.resolv_conf = conf->as_string();
  if (const auto host = node.require("hostAddress")) facts.host_address = host->as_string().value_or("");
  if (const auto addresses = node.require("addresses"))
    addresses->each([&](const JsonNode& address) {
      if (auto literal = address.as_string()) facts.addresses.push_back(*std::move(literal));
    });
  TRY(problems.to_result());
  return facts;
}

}  // namespace agena::stage1
