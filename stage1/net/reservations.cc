#include "stage1/net/reservations.h"

#include <fcntl.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"

namespace agena::stage1 {
namespace {

constexpr const char* kDefaultDataDir = "/var/lib/cni/networks";
// "ID\r\nINTERFACE".
constexpr std::size_t kMostBytes = 4096;

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
  const auto text = sys::read_file(dir, name, kMostBytes);
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

// The plugin holds the lock for milliseconds; whoever has it longer is stuck.
constexpr Nanoseconds kLockPatience = 60 * kSecond;

Result<> free_reservations_in(const std::string& network, const std::string& container_id) {
  const std::string path = std::string(kDefaultDataDir) + "/" + network;
  const sys::DirFd dir = TRY(sys::open_dir(path));
  auto lock_file = sys::open_at(dir, "lock", O_RDONLY);
  if (!lock_file) return {};  // nothing of host-local's
  const auto lock =
      TRY_CTX(sys::FileLock::wait_at_most(*std::move(lock_file), sys::LockMode::kExclusive, kLockPatience),
              "locking '{}/lock'", path);
  for (const std::string& name : TRY(sys::list_dir(dir))) {
    if (!IpAddress::parse(name)) continue;
    const auto text = sys::read_file(dir, name, kMostBytes);
    if (text && trim(cut(*text, '\n').before) == container_id) TRY(sys::remove_file(dir, name));
  }
  return {};
}

}  // namespace

Result<> free_all_reservations(const std::string& container_id) {
  const auto networks = sys::list_dir(sys::at_cwd(), kDefaultDataDir);
  if (!networks && networks.error().kind() == ErrorKind::kNotFound) return {};
  if (!networks) return std::unexpected(networks.error());
  ErrorList errors;
  for (const std::string& network : *networks) errors.add_if(free_reservations_in(network, container_id));
  return errors.to_result();
}

std::optional<CniResult> result_of_reservations(const Attachment& attachment) {
  CniResult result;
  for (const IpPrefix& address : reserved_addresses(attachment))
    result.ips.push_back({.address = address, .interface = 0});
  if (result.ips.empty()) return std::nullopt;
  // Any path will do: it tells only that the interface is not the host's.
  result.interfaces.push_back({.name = attachment.interface, .mac = {}, .sandbox = "/proc/self/ns/net"});
  return result;
}

}  // namespace agena::stage1
