#include "stage1/net/pod_network.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/trace.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "stage1/net/builtin_ptp.h"
#include "stage1/net/capabilities.h"
#include "stage1/net/dead_pods.h"
#include "stage1/net/net_conf.h"
#include "stage1/net/net_record.h"
#include "stage1/net/own_plugins.h"
#include "stage1/net/reservations.h"
#include "stage1/net/resolv_conf.h"
#include "stage1/net/select_networks.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

constexpr const char* kOwnNetworks = "etc/rkt/net.d";

// As processes see it that have a mount namespace of their own: through this one's.
Result<std::string> path_below(const sys::DirFd& root, const char* path) {
  return TRY(sys::path_of_fd(root.get())) + "/" + path;
}

std::string users_networks(const NetworkPlace& place) {
  return place.local_config.empty() ? "" : place.local_config + "/net.d";
}

Result<std::vector<std::string>> plugin_dirs(const NetworkPlace& place) {
  std::vector<std::string> dirs;
  if (!place.local_config.empty()) dirs.push_back(users_networks(place));
  dirs.push_back(TRY(own_plugins_dir()));
  for (const char* hosts : {"/usr/lib/rkt/plugins/net", "/usr/lib/cni", "/opt/cni/bin"})
    dirs.emplace_back(hosts);
  return dirs;
}

// --- one network ---

// On record are the order before it is carried out, what each of its plugins has said, and the result.
Result<> attach_one(const sys::DirFd& pod_dir, std::size_t index, NetRecord& record,
                    const std::string& path) {
  const auto keep = [&](const CniResult& result) {
    record.result = result;
    return write_net_record(pod_dir, index, record);
  };
  TRY(write_net_record(pod_dir, index, record));
  if (record.built_in) return keep(TRY(attach_built_in(record.attachment, path)));
  auto made = attach(record.attachment, path, keep);
  if (made) return keep(*made);
  // A network that was refused is gone for good; any other failure is for the tear-down of all.
  if (undo_failed(record.attachment, made.error(), record.result, path))
    TRY(remove_net_record(pod_dir, index, record));
  return std::unexpected(std::move(made).error());
}

Result<> detach_one(const NetRecord& record, const std::optional<std::string>& path) {
  return record.built_in ? detach_built_in(record.attachment, record.result, path)
                         : detach(record.attachment, record.result, path);
}

std::string path_of(const sys::UniqueFd& name_space) {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), name_space.get());
}

// What the pod has is found by its id.
Result<> tear_down_broken(const sys::DirFd& pod_dir, const Uuid& uuid, const std::string& file) {
  log::warning("warning: file '{}' of pod '{}' cannot be read; its addresses are freed by the pod's id", file,
               uuid.str());
  TRY(free_all_reservations(uuid.str()));
  return sys::remove_file(pod_dir, file);
}

Result<> tear_down_records(const sys::DirFd& pod_dir, const Uuid& uuid, const sys::UniqueFd* name_space,
                           const PluginControl& control) {
  const auto path = name_space == nullptr ? std::nullopt : std::optional(path_of(*name_space));
  StoredRecords found = TRY(read_net_records(pod_dir));
  ErrorList errors;
  for (const std::string& file : found.broken) errors.add_if(tear_down_broken(pod_dir, uuid, file));
  for (StoredRecord& stored : std::views::reverse(found.records)) {
    stored.record.attachment.control = control;
    auto undone = detach_one(stored.record, path);
    if (undone) undone = remove_net_record(pod_dir, stored.index, stored.record);
    if (!undone)
      errors.add(
          std::move(undone).error().with_context("network '" + stored.record.attachment.conf.name + "'"));
  }
  return errors.to_result();
}

// Where plugins undo what the pod had: whoever goes on after a kill ends them there. Not after a reboot, when
// the cgroups around it are gone, and with them all plugins.
std::unique_ptr<PluginCgroup> cgroup_to_undo(const sys::DirFd& pod_dir) {
  auto made = PluginCgroup::make(pod_dir);
  if (made) return std::make_unique<PluginCgroup>(*std::move(made));
  log::debug("a cgroup for plugins: {}", made.error().to_string());
  return nullptr;
}

// --- rules ---

ForwardTarget target_of(const NetRecord& record) {
  ForwardTarget target;
  for (const CniIp& ip : record.result->ips_of(record.attachment.interface)) {
    auto& known = ip.address.address.is_v4() ? target.v4 : target.v6;
    if (!known) known = ip.address;
  }
  return target;
}

// rkt's rule: ports lead into the first network that masquerades, or else into the last.
const NetRecord& network_of_ports(const std::vector<NetRecord>& records) {
  const auto masquerades = [](const NetRecord& record) {
    return std::ranges::any_of(record.attachment.conf.plugins, &PluginConf::ip_masq);
  };
  const auto first = std::ranges::find_if(records, masquerades);
  return first == records.end() ? records.back() : *first;
}

Result<> begin_rules(const std::vector<NetRecord>& records, PodPorts& ports) {
  if (records.empty()) return {};
  const bool plugins_forward = std::ranges::any_of(
      records, [](const NetRecord& record) { return record.attachment.conf.has_capability(kPortMappings); });
  std::vector<IpPrefix> masquerade;
  for (const NetRecord& record : records)
    if (record.built_in)
      std::ranges::move(masqueraded(record.attachment, *record.result), std::back_inserter(masquerade));
  return ports.begin(std::move(masquerade), target_of(network_of_ports(records)), plugins_forward);
}

// --- what others want to know ---

NetworkFacts facts_of(const std::vector<NetRecord>& records) {
  NetworkFacts facts;
  for (const NetRecord& record : records) {
    if (!facts.resolv_conf && !record.result->dns.empty())
      facts.resolv_conf = render_resolv_conf(record.attachment.conf.name, record.result->dns);
    for (const CniIp& ip : record.result->ips_of(record.attachment.interface)) {
      facts.addresses.push_back(ip.address.address.to_string());
      if (ip.gateway) facts.gateways.push_back(*ip.gateway);
    }
  }
  return facts;
}

}  // namespace

Result<PodNetwork> PodNetwork::choose(NetworkPlace place, const NetworkChoice& choice, NetworkWishes wishes) {
  if (choice.kind != NetworkChoice::Kind::kPod) {
    if (!wishes.ports.empty() && !choice.is_hosts())
      log::warning("the pod's ports are not forwarded: it is on no network");
    return PodNetwork(std::move(place), {});
  }
  const NetConfs known =
      TRY(load_net_confs(TRY(path_below(place.root, kOwnNetworks)), users_networks(place)));
  for (const std::string& notice : known.notices) log::warning("{}", notice);
  const auto dirs = TRY(plugin_dirs(place));
  CapabilityValues values{.ports = wishes.ports, .bandwidth = {}, .dns = wishes.dns, .args = {}};
  if (wishes.bandwidth)
    values.bandwidth = PluginBandwidth{.ingress = *wishes.bandwidth, .egress = *wishes.bandwidth};
  std::vector<Attachment> attachments;
  for (SelectedNetwork& selected : TRY(select_networks(known, choice))) {
    values.args = selected.args;
    attachments.push_back({.conf = std::move(selected.conf),
                           .interface = fmt::format("eth{}", attachments.size()),
                           .args = std::move(selected.args),
                           .container_id = place.uuid.str(),
                           .runtime_config = TRY(render_capabilities(values)),
                           .plugin_dirs = dirs});
  }
  PodNetwork network(std::move(place), std::move(attachments));
  TRY(network.ports_.add({}, std::move(wishes.ports)));
  return network;
}

std::optional<std::string> PodNetwork::unlimited_network() const {
  for (const Attachment& attachment : attachments_)
    if (!attachment.conf.has_capability(kBandwidth)) return attachment.conf.name;
  return std::nullopt;
}

Result<NetworkFacts> PodNetwork::set_up(pid_t process) {
  name_space_ = TRY(sys::open_at(sys::at_cwd(), fmt::format("/proc/{}/ns/net", process), O_RDONLY));
  if (!std::ranges::all_of(attachments_, is_built_in)) {
    plugins_ = std::make_unique<PluginCgroup>(TRY(PluginCgroup::make(place_.pod_dir)));
    control_.cgroup = plugins_.get();
  }
  if (!ports_.mappings().empty())
    take_down_networks_of_dead_pods(place_.pod_dir, ports_.mappings(), control_);
  std::vector<NetRecord> records;
  const auto make_all = [&]() -> Result<> {
    for (const Attachment& attachment : attachments_) {
      const trace::Scope scope("network", attachment.conf.name);
      const std::size_t index = records.size();
      NetRecord& record = records.emplace_back(NetRecord{attachment, is_built_in(attachment), {}});
      record.attachment.control = control_;
      TRY_CTX(attach_one(place_.pod_dir, index, record, path_of(name_space_)), "network '{}'",
              attachment.conf.name);
    }
    const trace::Scope scope("rules of the packet filter");
    TRY_CTX(begin_rules(records, ports_), "the pod's rules");
    return sys::replace_file(place_.pod_dir, paths::kNetInfo, TRY(render_net_info(records)));
  };
  if (auto made = make_all(); !made) {
    if (const auto undone = tear_down(); !undone) log::warning("warning: {}", undone.error().to_string());
    return std::unexpected(std::move(made).error());
  }
  return facts_of(records);
}

Result<> PodNetwork::tear_down() {
  if (!name_space_) return {};
  // The rules first: they lead to addresses that somebody else may have next.
  auto done = ports_.end();
  if (done) done = tear_down_records(place_.pod_dir, place_.uuid, &name_space_, control_);
  control_.cgroup = nullptr;
  plugins_.reset();
  name_space_.reset();
  return done;
}

Result<> tear_down_networks(const sys::DirFd& pod_dir, const Uuid& uuid, PluginControl control) {
  // What is on record is made before anything else, but may be lost in a crash of the machine that
  // host-local's files have survived.
  if (!TRY(sys::exists(pod_dir, paths::kNetRecords))) {
    TRY(end_plugins(pod_dir));
    return free_all_reservations(uuid.str());
  }
  // Two plugins that undo the same at once may leave what neither would alone.
  const auto alone =
      TRY(sys::FileLock::wait_at_most(TRY(sys::open_at(pod_dir, paths::kNetRecords, O_RDONLY | O_DIRECTORY)),
                                      sys::LockMode::kExclusive, 60 * kSecond));
  TRY(end_plugins(pod_dir));
  const auto plugins = cgroup_to_undo(pod_dir);
  control.cgroup = plugins.get();
  TRY(remove_pod_rules(uuid));
  return tear_down_records(pod_dir, uuid, nullptr, control);
}

}  // namespace agena::stage1
