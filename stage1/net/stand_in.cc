#include "stage1/net/stand_in.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <utility>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/rtnetlink.h"
#include "common/sys/side_thread.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

constexpr const char* kPeer = "agena-peer";
constexpr const char* kDefaultDataDir = "/var/lib/cni/networks";
// "ID\r\nINTERFACE".
constexpr std::size_t kMostReservation = 4096;

Result<> furnish(const std::string& interface, const std::vector<IpPrefix>& addresses) {
  auto netlink = TRY(sys::RouteNetlink::open());
  TRY(netlink.add_veth({.name = interface}, {.name = kPeer}));
  const int index = TRY(netlink.index_of(interface));
  // Up, for tuning and others that set an interface's properties back.
  TRY(netlink.set_up(index));
  for (const IpPrefix& address : addresses) {
    const auto added = netlink.add_address(index, address, false);
    // The same address twice.
    if (!added && added.error().kind() != ErrorKind::kAlreadyExists) return added;
  }
  return {};
}

// Directory of host-local's reservations for the plugin's network; nullopt if it has another IPAM plugin.
std::optional<std::string> reservations_of(const NetConf& conf, const PluginConf& plugin) {
  const auto root = json_text::parse(plugin.text);
  if (!root) return std::nullopt;
  JsonProblems problems("plugin");
  const JsonNode node(*root, problems);
  const auto ipam = node.find("ipam");
  if (!ipam || !ipam->is_object()) return std::nullopt;
  const auto text_of = [&](std::string_view key) -> std::string {
    const auto member = ipam->find(key);
    return member ? member->as_string().value_or("") : "";
  };
  if (text_of("type") != "host-local") return std::nullopt;
  const std::string data_dir = text_of("dataDir");
  return (data_dir.empty() ? kDefaultDataDir : data_dir) + "/" + conf.name;
}

// Whether the file is a reservation of the pod's interface. Old ones have the pod's id only.
bool is_own(const sys::DirFd& dir, const std::string& name, const Attachment& attachment) {
  const auto text = sys::read_file(dir, name, kMostReservation);
  if (!text) return false;
  const Cut lines = cut(*text, '\n');
  if (trim(lines.before) != attachment.container_id) return false;
  return !lines.found || trim(lines.after) == attachment.interface;
}

std::vector<IpPrefix> reserved_addresses(const Attachment& attachment) {
  std::vector<IpPrefix> addresses;
  for (const PluginConf& plugin : attachment.conf.plugins) {
    const auto path = reservations_of(attachment.conf, plugin);
    if (!path) continue;
    const auto dir = sys::open_dir(*path);
    if (!dir) continue;
    const auto names = sys::list_dir(*dir);
    if (!names) continue;
    for (const std::string& name : *names) {
      const auto address = IpAddress::parse(name);
      if (address && is_own(*dir, name, attachment)) addresses.push_back(IpPrefix::host(*address));
    }
  }
  return addresses;
}

}  // namespace

std::vector<IpPrefix> known_addresses(const Attachment& attachment, const std::optional<CniResult>& result) {
  if (!result) return reserved_addresses(attachment);
  std::vector<IpPrefix> addresses;
  for (const CniIp& ip : result->ips_of(attachment.interface)) addresses.push_back(ip.address);
  return addresses;
}

Result<StandIn> StandIn::make(const std::string& interface, const std::vector<IpPrefix>& addresses) {
  sys::UniqueFd name_space;
  TRY_CTX(sys::run_in_side_thread([&]() -> Result<> {
            TRY(sys::unshare_namespaces(CLONE_NEWNET));
            name_space = TRY(sys::open_at(sys::at_cwd(), "/proc/thread-self/ns/net", O_RDONLY));
            return furnish(interface, addresses);
          }),
          "making a network namespace in place of the pod's");
  return StandIn(std::move(name_space));
}

std::string StandIn::path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), name_space_.get()); }

}  // namespace agena::stage1
