#include "stage1/net/builtin_ptp.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "common/base/cleanup.h"
#include "common/base/strings.h"
#include "common/sys/fd.h"
#include "common/sys/fs.h"
#include "common/sys/rtnetlink.h"
#include "stage1/net/builtin_conf.h"
#include "stage1/net/host_local.h"

namespace agena::stage1 {
namespace {

// Names of the host's end that are tried; others' interfaces may have one of them by chance.
constexpr unsigned kNameTries = 10;

// What the host's end carries as its alias: by this it is found without the pod's namespace.
std::string alias_of(const Attachment& attachment) {
  return fmt::format("agena {} {}", attachment.container_id, attachment.interface);
}

// "veth" and eight hex digits of a hash (FNV-1a) of whose it is; another one for each try.
std::string host_name(const Attachment& attachment, unsigned tries) {
  std::uint32_t hash = 2166136261U;
  for (const char c : fmt::format("{} {}", alias_of(attachment), tries))
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return fmt::format("veth{:08x}", hash);
}

Result<> write_setting(const std::string& path, std::string_view value) {
  const sys::UniqueFd file = TRY(sys::open_at(sys::at_cwd(), path, O_WRONLY));
  TRY_CTX(sys::write_all(file.get(), value), "setting '{}' to {}", path, value);
  return {};
}

// Gives a setting a value that it may have already (another pod's doing, or the administrator's): what is set
// can be read where nothing can be written.
Result<> make_setting(const std::string& path, std::string_view value) {
  const auto now = TRY(sys::read_file(sys::at_cwd(), path, 64));
  return trim(now) == value ? Result<>() : write_setting(path, value);
}

std::string ipv6_setting(const std::string& interface, const char* name) {
  return fmt::format("/proc/sys/net/ipv6/conf/{}/{}", interface, name);
}

// A host that forwards IPv6 forgets the default routes that routers have told it, and listens to them no
// more, except on interfaces that have accept_ra=2.
Result<> keep_told_routes(sys::RouteNetlink& host) {
  for (const int index : TRY(host.interfaces_with_told_routes())) {
    const auto link = host.link(index);
    const std::string path = link ? ipv6_setting(link->name, "accept_ra") : "";
    const auto now = link ? sys::read_file(sys::at_cwd(), path, 64) : std::unexpected(link.error());
    if (!now && now.error().kind() == ErrorKind::kNotFound) continue;  // it has just gone
    if (!now) return std::unexpected(now.error());
    // 0: a program of the host's listens instead of the kernel.
    if (trim(*now) == "1") TRY(write_setting(path, "2"));
  }
  return {};
}

Result<> forward_ipv6(sys::RouteNetlink& host) {
  const std::string path = ipv6_setting("all", "forwarding");
  if (trim(TRY(sys::read_file(sys::at_cwd(), path, 64))) == "1") return {};
  TRY(keep_told_routes(host));
  return write_setting(path, "1");
}

Result<> enable_forwarding(sys::RouteNetlink& host, const std::vector<CniIp>& ips) {
  const auto has = [&](bool v4) {
    return std::ranges::any_of(ips, [&](const CniIp& ip) { return ip.address.address.is_v4() == v4; });
  };
  if (has(true)) TRY_CTX(make_setting("/proc/sys/net/ipv4/ip_forward", "1"), "letting the host forward IPv4");
  if (has(false)) TRY_CTX(forward_ipv6(host), "letting the host forward IPv6");
  return {};
}

bool any_v6(const std::vector<CniIp>& ips) {
  return std::ranges::any_of(ips, [](const CniIp& ip) { return ip.address.address.is_v6(); });
}

// Before the interface is up. The pod shall not make the host change its routes: an app could claim to be a
// router, on a network without IPv6 too. There the host does not speak it with the pod at all.
Result<> prepare_ipv6_on_host(const std::string& interface, bool has_v6) {
  auto deaf = make_setting(ipv6_setting(interface, "accept_ra"), "0");
  if (!deaf && deaf.error().kind() == ErrorKind::kNotFound && !has_v6) return {};  // a kernel without IPv6
  TRY_CTX(std::move(deaf), "keeping the pod from changing the host's routes");
  if (!has_v6) return make_setting(ipv6_setting(interface, "disable_ipv6"), "1");
  // A link of two has no duplicates, and as long as they are looked for (a second or two) the host asks for
  // no neighbour on behalf of others: what comes to the pod from elsewhere would be lost. Where /proc/sys is
  // read-only it works as well, only later.
  (void)write_setting(ipv6_setting(interface, "accept_dad"), "0");
  return {};
}

// Namespaces made with net.ipv6.conf.default.disable_ipv6=1 would refuse the addresses.
Result<> prepare_ipv6_in_pod(int netns, const std::string& interface) {
  return sys::in_network_namespace(netns, [&]() -> Result<> {
    for (const std::string& name : {std::string("lo"), interface}) {
      const std::string path = ipv6_setting(name, "disable_ipv6");
      auto now = sys::read_file(sys::at_cwd(), path, 64);
      if (!now && now.error().kind() == ErrorKind::kNotFound)
        return fail(ErrorKind::kUnsupported, "this kernel has no IPv6");
      if (!now) return std::unexpected(std::move(now).error());
      if (trim(*now) != "0") TRY(write_setting(path, "0"));
    }
    (void)write_setting(ipv6_setting(interface, "accept_dad"), "0");
    return {};
  });
}

struct Pair {
  sys::Link host;
  sys::Link pod;
};

// Makes the pair under the first name that is free.
Result<Pair> make_pair(sys::RouteNetlink& host, sys::RouteNetlink& pod, int netns,
                       const Attachment& attachment, std::uint32_t mtu) {
  for (unsigned tries = 0;; ++tries) {
    const std::string name = host_name(attachment, tries);
    auto made = host.add_veth({.name = name}, {.name = attachment.interface, .netns = netns}, mtu);
    if (made) {
      Pair pair;
      pair.host = TRY(host.link(name));
      pair.pod = TRY(pod.link(attachment.interface));
      return pair;
    }
    if (made.error().kind() != ErrorKind::kAlreadyExists) return std::unexpected(std::move(made).error());
    if (pod.link(attachment.interface))
      return fail(ErrorKind::kAlreadyExists, "the pod has an interface '{}' already", attachment.interface);
    if (tries + 1 == kNameTries) return std::unexpected(std::move(made).error());
  }
}

// The host's side: the gateway's address, which all of a network's pairs share, and the way to this pod.
Result<> set_up_host(sys::RouteNetlink& host, const sys::Link& link, const std::vector<CniIp>& ips,
                     const Attachment& attachment) {
  TRY(host.set_alias(link.index, alias_of(attachment)));
  TRY(prepare_ipv6_on_host(link.name, any_v6(ips)));
  TRY(host.set_up(link.index));
  for (const CniIp& ip : ips) {
    TRY(host.add_address(link.index, IpPrefix::host(*ip.gateway), false));
    TRY(host.add_route({.destination = IpPrefix::host(ip.address.address),
                        .interface = link.index,
                        .scope = RT_SCOPE_HOST}));
  }
  return {};
}

// The gateway for a route that names none: that of the first address of the same IP version.
std::optional<IpAddress> gateway_for(const CniRoute& route, const std::vector<CniIp>& ips) {
  if (route.gateway) return route.gateway;
  const bool v4 = route.destination.address.is_v4();
  const auto found =
      std::ranges::find_if(ips, [&](const CniIp& ip) { return ip.address.address.is_v4() == v4; });
  return found == ips.end() ? std::nullopt : found->gateway;
}

// The pod's side: its addresses and routes. All goes by the gateway, the addresses of the own network too:
// the other pods of it are on links of their own.
Result<> set_up_pod(sys::RouteNetlink& pod, const sys::Link& link, const std::vector<CniIp>& ips,
                    const std::vector<CniRoute>& routes) {
  TRY(pod.set_up(link.index));
  for (const CniIp& ip : ips) TRY(pod.add_address(link.index, ip.address, false));
  for (const CniRoute& route : routes) {
    const auto added = pod.add_route(
        {.destination = route.destination, .gateway = gateway_for(route, ips), .interface = link.index});
    // Of several networks with a default route, the first one has it; as with the plugin.
    if (!added && added.error().kind() != ErrorKind::kAlreadyExists) return added;
  }
  for (const CniIp& ip : ips) {
    const IpAddress& own = ip.address.address;
    // The kernel's route, as if all of the network were on the link.
    TRY(pod.delete_route({.destination = ip.address.masked(), .interface = link.index}));
    TRY(pod.add_route({.destination = IpPrefix::host(*ip.gateway),
                       .interface = link.index,
                       .source = own,
                       .scope = RT_SCOPE_LINK}));
    TRY(pod.add_route(
        {.destination = ip.address.masked(), .gateway = ip.gateway, .interface = link.index, .source = own}));
  }
  return {};
}

Result<Pair> connect(const Attachment& attachment, const PtpConf& conf, const std::vector<CniIp>& ips,
                     const std::string& netns) {
  const sys::UniqueFd pod_ns =
      TRY_CTX(sys::open_at(sys::at_cwd(), netns, O_RDONLY), "network namespace of the pod");
  auto host = TRY(sys::RouteNetlink::open());
  auto pod = TRY(sys::RouteNetlink::open_in(pod_ns.get()));
  TRY(enable_forwarding(host, ips));
  const Pair pair = TRY(make_pair(host, pod, pod_ns.get(), attachment, conf.mtu));
  Cleanup unmake([&]() noexcept { (void)host.delete_link(pair.host.index); });
  if (any_v6(ips)) TRY(prepare_ipv6_in_pod(pod_ns.get(), attachment.interface));
  TRY_CTX(set_up_host(host, pair.host, ips, attachment), "the host's side '{}'", pair.host.name);
  TRY_CTX(set_up_pod(pod, pair.pod, ips, conf.ipam.routes), "the pod's side '{}'", attachment.interface);
  unmake.dismiss();
  return pair;
}

// What a kernel says of an interface that is just going away with its namespace is no failure.
Result<> delete_if_there(sys::RouteNetlink& where, int index) {
  auto deleted = where.delete_link(index);
  return deleted || deleted.error().kind() == ErrorKind::kNotFound ? Result<>() : std::move(deleted);
}

Result<> disconnect_in(const sys::UniqueFd& pod_ns, const std::string& interface) {
  auto pod = TRY(sys::RouteNetlink::open_in(pod_ns.get()));
  const auto link = pod.link(interface);
  if (!link && link.error().kind() == ErrorKind::kNotFound) return {};
  if (!link) return std::unexpected(link.error());
  return delete_if_there(pod, link->index);
}

bool is_ours(const sys::Link& link, const Attachment& attachment) {
  return link.kind == "veth" && link.alias == alias_of(attachment);
}

// By the host's end, which is out of the pod's reach: whatever was done to the other one, it goes with it.
// False if there is none.
Result<bool> disconnect_host(const Attachment& attachment, const std::optional<CniResult>& result) {
  auto host = TRY(sys::RouteNetlink::open());
  if (result && !result->interfaces.empty()) {
    const auto link = host.link(result->interfaces.front().name);
    if (link && is_ours(*link, attachment)) {
      TRY(delete_if_there(host, link->index));
      return true;
    }
  }
  bool found = false;
  for (const sys::Link& link : TRY(host.links())) {
    if (!is_ours(link, attachment)) continue;
    TRY(delete_if_there(host, link.index));
    found = true;
  }
  return found;
}

// The kernel takes a namespace's interfaces away by itself, but in its own time: as long as a connection of
// the pod waits for an answer, which can be minutes.
Result<> disconnect(const Attachment& attachment, const std::optional<CniResult>& result,
                    const std::optional<std::string>& netns) {
  if (TRY(disconnect_host(attachment, result)) || !netns) return {};
  // Made by the plugin.
  const auto pod_ns = sys::open_at(sys::at_cwd(), *netns, O_RDONLY);
  if (pod_ns) return disconnect_in(*pod_ns, attachment.interface);
  return pod_ns.error().kind() == ErrorKind::kNotFound ? Result<>() : std::unexpected(pod_ns.error());
}

}  // namespace

bool is_built_in(const Attachment& attachment) {
  if (!is_ptp_conf(attachment.conf)) return false;
  if (attachment.plugin_dirs.empty()) return true;
  return std::ranges::none_of(std::array{"ptp", "host-local"}, [&](const char* plugin) {
    const auto there = sys::exists(sys::at_cwd(), attachment.plugin_dirs.front() + "/" + plugin);
    return there && *there;
  });
}

Result<CniResult> attach_built_in(const Attachment& attachment, const std::string& netns) {
  const PtpConf conf = TRY(read_ptp_conf(attachment.conf, attachment.args, attachment.runtime_config));
  std::vector<CniIp> ips = TRY(reserve_addresses(conf.ipam, attachment.container_id, attachment.interface));
  auto pair = connect(attachment, conf, ips, netns);
  if (!pair) {
    (void)release_addresses(conf.ipam, attachment.container_id, attachment.interface);
    return std::unexpected(std::move(pair).error());
  }
  CniResult result;
  result.interfaces = {{.name = pair->host.name, .mac = pair->host.mac, .sandbox = {}},
                       {.name = attachment.interface, .mac = pair->pod.mac, .sandbox = netns}};
  result.ips = std::move(ips);
  for (CniIp& ip : result.ips) ip.interface = 1;
  result.routes = conf.ipam.routes;
  result.dns = conf.dns;
  return result;
}

Result<> detach_built_in(const Attachment& attachment, const std::optional<CniResult>& result,
                         const std::optional<std::string>& netns) {
  std::vector<IpAddress> addresses;
  if (result)
    for (const CniIp& ip : result->ips) addresses.push_back(ip.address.address);
  // The addresses last: nobody shall get one that is still in use. They are kept if the interface stays.
  TRY(disconnect(attachment, result, netns));
  return release_addresses(read_reservations_place(attachment.conf), attachment.container_id,
                           attachment.interface, addresses);
}

std::vector<IpPrefix> masqueraded(const Attachment& attachment, const CniResult& result) {
  std::vector<IpPrefix> addresses;
  const bool wanted = std::ranges::any_of(attachment.conf.plugins, &PluginConf::ip_masq);
  if (wanted)
    for (const CniIp& ip : result.ips_of(attachment.interface)) addresses.push_back(ip.address);
  return addresses;
}

}  // namespace agena::stage1
