#include "stage1/net/builtin_conf.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <utility>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

constexpr std::array<std::string_view, 9> kPtpMembers = {
    "cniVersion", "cniVersions", "name", "type", "ipMasq", "capabilities", "mtu", "ipam", "dns"};
constexpr std::array<std::string_view, 8> kIpamMembers = {"type",    "subnet", "rangeStart", "rangeEnd",
                                                          "gateway", "ranges", "routes",     "dataDir"};
constexpr std::array<std::string_view, 4> kRangeMembers = {"subnet", "rangeStart", "rangeEnd", "gateway"};
constexpr std::array<std::string_view, 2> kRouteMembers = {"dst", "gw"};
constexpr std::array<std::string_view, 4> kDnsMembers = {"nameservers", "domain", "search", "options"};
constexpr std::array<std::string_view, 3> kListMembers = {"cniVersion", "name", "plugins"};
constexpr std::string_view kIps = "ips";
// Capabilities whose values mean nothing to the two plugins (the engine forwards ports itself), and "ips",
// which host-local takes. Values of capabilities that are not declared never get to a plugin.
constexpr std::array<std::string_view, 5> kCapabilities = {kIps, "portMappings", "bandwidth", "dns", "mac"};
constexpr std::uint32_t kMostMtu = 65535;

// A value that is no object has no unknown member: it is complained of where it is read.
bool only(const Json& object, std::span<const std::string_view> known) {
  if (!object.is_object()) return true;
  return std::ranges::all_of(object.items(), [&](const auto& member) {
    return std::ranges::find(known, member.key()) != known.end();
  });
}

const Json* member(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

bool is_text(const Json* value, std::string_view text) {
  return value != nullptr && value->is_string() && *value == text;
}

// Whether all elements of an array member (if it is there) have only these members.
bool elements_only(const Json& object, std::string_view key, std::span<const std::string_view> known) {
  const Json* list = member(object, key);
  return list == nullptr || !list->is_array() ||
         std::ranges::all_of(*list, [&](const Json& element) { return only(element, known); });
}

bool is_known_ipam(const Json& ipam) {
  if (!is_text(member(ipam, "type"), "host-local") || !only(ipam, kIpamMembers)) return false;
  if (!elements_only(ipam, "routes", kRouteMembers)) return false;
  const Json* sets = member(ipam, "ranges");
  return sets == nullptr || !sets->is_array() || std::ranges::all_of(*sets, [](const Json& set) {
           return !set.is_array() ||
                  std::ranges::all_of(set, [](const Json& range) { return only(range, kRangeMembers); });
         });
}

template <class T, class Read>
std::optional<T> optional_member(const JsonNode& node, std::string_view key, const Read& read) {
  const auto found = node.find(key);
  if (!found) return std::nullopt;
  return read(*found);
}

std::optional<IpAddress> address_member(const JsonNode& node, std::string_view key) {
  return optional_member<IpAddress>(node, key, [](const JsonNode& n) { return n.parsed(IpAddress::parse); });
}

// The range with what it leaves open filled in; complaints as the plugin has them.
std::optional<AddressRange> read_range(const JsonNode& node) {
  const auto subnet_node = node.require("subnet");
  const auto subnet = subnet_node ? subnet_node->parsed(IpPrefix::parse) : std::nullopt;
  if (!subnet) return std::nullopt;
  if (subnet->masked() != *subnet) {
    subnet_node->complain(
        fmt::format("has host bits set: the network's address is {}", subnet->masked().to_string()));
    return std::nullopt;
  }
  if (subnet->length + 2 > subnet->address.bits()) {
    subnet_node->complain("is too small to allocate from");
    return std::nullopt;
  }
  AddressRange range;
  range.subnet = *subnet;
  const IpAddress lowest = *subnet->network().next();
  const IpAddress highest = subnet->address.is_v4() ? *subnet->broadcast().previous() : subnet->broadcast();
  range.first = address_member(node, "rangeStart").value_or(lowest);
  range.last = address_member(node, "rangeEnd").value_or(highest);
  range.gateway = address_member(node, "gateway").value_or(lowest);
  for (const IpAddress& end : {range.first, range.last})
    if (!subnet->contains(end))
      node.complain(fmt::format("{} is not in {}", end.to_string(), subnet->to_string()));
  if (subnet->contains(range.first) && subnet->contains(range.last) && range.last < range.first)
    node.complain(
        fmt::format("the range from {} to {} is empty", range.first.to_string(), range.last.to_string()));
  if (range.gateway.is_v4() != subnet->address.is_v4())
    node.complain(fmt::format("the gateway {} is of another IP version", range.gateway.to_string()));
  return range;
}

bool overlap(const AddressRange& a, const AddressRange& b) {
  return a.contains(b.first) || a.contains(b.last) || b.contains(a.first) || b.contains(a.last);
}

void check_sets(const JsonNode& ipam, const NetConf& conf, const std::vector<RangeSet>& sets) {
  std::vector<AddressRange> seen;
  std::size_t fours = 0;
  for (const RangeSet& set : sets) {
    if (!set.empty() && set.front().first.is_v4()) ++fours;
    for (const AddressRange& range : set) {
      if (range.first.is_v4() != set.front().first.is_v4())
        ipam.complain("a set of ranges has both IP versions");
      for (const AddressRange& other : seen)
        if (overlap(range, other))
          ipam.complain(fmt::format("the ranges in {} and {} overlap", other.subnet.to_string(),
                                    range.subnet.to_string()));
      seen.push_back(range);
    }
  }
  if (!ipam.find("subnet") && !ipam.find("ranges")) ipam.complain("there are no ranges of addresses");
  if (!is_at_least(conf.cni_version, "0.3.0") && (fours > 1 || sets.size() - fours > 1))
    ipam.complain(fmt::format("CNI version {} knows one address of each IP version only", conf.cni_version));
}

void read_ranges(const JsonNode& ipam, const NetConf& conf, HostLocalConf& result) {
  if (ipam.find("subnet"))
    if (auto range = read_range(ipam)) result.sets.push_back({*range});
  if (const auto sets = ipam.find("ranges"))
    sets->each([&](const JsonNode& set_node) {
      RangeSet set;
      set_node.each([&](const JsonNode& node) {
        if (auto range = read_range(node)) set.push_back(*range);
      });
      if (set.empty()) return set_node.complain("is an empty set of ranges");
      result.sets.push_back(std::move(set));
    });
  check_sets(ipam, conf, result.sets);
}

void read_routes(const JsonNode& ipam, HostLocalConf& result) {
  const auto routes = ipam.find("routes");
  if (!routes) return;
  routes->each([&](const JsonNode& node) {
    const auto destination_node = node.require("dst");
    const auto destination = destination_node ? destination_node->parsed(IpPrefix::parse) : std::nullopt;
    const auto gateway = address_member(node, "gw");
    if (!destination) return;
    if (gateway && gateway->is_v4() != destination->address.is_v4())
      node.complain("the gateway is of another IP version than the destination");
    result.routes.push_back({destination->masked(), gateway});
  });
}

PtpConf read_conf(const JsonNode& node, const NetConf& conf) {
  PtpConf result;
  result.ipam.network = conf.name;
  if (const auto masq = node.find("ipMasq")) result.ip_masq = masq->as_bool().value_or(false);
  if (const auto mtu = node.find("mtu"))
    result.mtu = static_cast<std::uint32_t>(mtu->as_uint(kMostMtu).value_or(0));
  if (const auto dns = node.find("dns")) result.dns = read_cni_dns(*dns);
  const auto ipam = node.require("ipam");
  if (!ipam) return result;
  if (const auto dir = ipam->find("dataDir")) {
    const auto path = dir->as_string();
    if (path && !path->empty() && !path->starts_with('/')) dir->complain("must be an absolute path");
    if (path && !path->empty()) result.ipam.data_dir = *path;
  }
  read_ranges(*ipam, conf, result.ipam);
  read_routes(*ipam, result.ipam);
  return result;
}

// An address with or without a prefix length, as the plugin takes requested ones.
Result<IpAddress> wanted_address(std::string_view text) {
  if (cut(text, '/').found) return TRY(IpPrefix::parse(text)).address;
  return IpAddress::parse(text);
}

Result<> add_arguments(std::string_view args, HostLocalConf& ipam) {
  std::vector<std::string> unknown;
  // Unless the user says otherwise, as plugins are told.
  bool ignore_unknown = true;
  for (const std::string& pair : split(args, ';')) {
    if (pair.empty()) continue;
    const Cut parts = cut(pair, '=');
    if (!parts.found) return fail(ErrorKind::kInvalidInput, "argument '{}' has no value", printable(pair));
    if (parts.before == "IP") {
      ipam.wanted.push_back(TRY_CTX(wanted_address(parts.after), "argument 'IP'"));
    } else if (parts.before == "IgnoreUnknown") {
      ignore_unknown = parts.after == "1" || to_lower(parts.after) == "true";
    } else if (parts.before != "GATEWAY") {  // host-local takes it and leaves it alone
      unknown.push_back(printable(pair));
    }
  }
  if (!unknown.empty() && !ignore_unknown)
    return fail(ErrorKind::kInvalidInput, "unknown arguments '{}'", join(unknown, ";"));
  return {};
}

Result<> add_runtime_config(std::string_view text, HostLocalConf& ipam) {
  if (text.empty()) return {};
  const Json root = TRY_CTX(json_text::parse(text), "runtime configuration");
  JsonProblems problems("runtime configuration");
  const JsonNode node(root, problems);
  if (const auto ips = node.find("ips"))
    ips->each([&](const JsonNode& element) {
      if (auto address = element.parsed(wanted_address)) ipam.wanted.push_back(*address);
    });
  return problems.to_result();
}

}  // namespace

bool is_ptp_conf(const NetConf& conf) {
  if (conf.plugins.size() != 1 || conf.plugins.front().type != "ptp") return false;
  const auto plugin = json_text::parse(conf.plugins.front().text);
  if (!plugin || !only(*plugin, kPtpMembers)) return false;
  // The members of a list beside its plugins ("disableCheck" and so on) are a promise to the plugins.
  const auto whole = json_text::parse(conf.text);
  if (!whole || (whole->contains("plugins") && !only(*whole, kListMembers))) return false;
  const Json* ipam = member(*plugin, "ipam");
  const Json* dns = member(*plugin, "dns");
  if (ipam == nullptr || !is_known_ipam(*ipam) || (dns != nullptr && !only(*dns, kDnsMembers))) return false;
  return std::ranges::all_of(conf.plugins.front().capabilities, [](const std::string& capability) {
    return std::ranges::find(kCapabilities, capability) != kCapabilities.end();
  });
}

Result<PtpConf> read_ptp_conf(const NetConf& conf, std::string_view args, std::string_view runtime_config) {
  const std::string document = fmt::format("network configuration '{}'", printable(conf.file));
  const Json root = TRY_CTX(json_text::parse(conf.plugins.front().text), "{}", document);
  JsonProblems problems(document);
  PtpConf result = read_conf(JsonNode(root, problems), conf);
  TRY(problems.to_result());
  TRY(add_arguments(args, result.ipam));
  if (conf.has_capability(kIps)) TRY(add_runtime_config(runtime_config, result.ipam));
  // One may be asked for in both ways.
  std::ranges::sort(result.ipam.wanted);
  const auto twice = std::ranges::unique(result.ipam.wanted);
  result.ipam.wanted.erase(twice.begin(), twice.end());
  return result;
}

HostLocalConf read_reservations_place(const NetConf& conf) {
  HostLocalConf place{.network = conf.name};
  const auto plugin = json_text::parse(conf.plugins.front().text);
  if (!plugin || !plugin->is_object()) return place;
  JsonProblems untold("");
  const auto ipam = JsonNode(*plugin, untold).find("ipam");
  const auto dir = ipam && ipam->is_object() ? ipam->find("dataDir") : std::nullopt;
  if (const auto path = dir ? dir->as_string() : std::nullopt; path && path->starts_with('/'))
    place.data_dir = *path;
  return place;
}

}  // namespace agena::stage1
