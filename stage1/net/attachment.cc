#include "stage1/net/attachment.h"

#include <fcntl.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/sys/fd.h"
#include "common/sys/rtnetlink.h"
#include "stage1/net/cni_plugin.h"
#include "stage1/net/reservations.h"
#include "stage1/net/stand_in.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

// The first version whose DEL gets the result of ADD.
constexpr std::string_view kResultAtDel = "0.4.0";

// To undo is worth a short wait to somebody who wants the pod to end: what is not undone is left to gc.
constexpr Nanoseconds kPatienceAtDel = 5 * kSecond;

PluginCall call_of(const Attachment& attachment, const PluginConf& plugin, const char* command) {
  return {.command = command,
          .type = plugin.type,
          .conf = {},
          .container_id = attachment.container_id,
          .interface = attachment.interface,
          .args = plugin_args(attachment.args),
          .version = attachment.conf.cni_version,
          .dirs = attachment.plugin_dirs,
          .control = attachment.control};
}

Result<CniResult> add(const Attachment& attachment, const PluginConf& plugin, const std::string& netns,
                      const std::optional<CniResult>& before) {
  PluginCall call = call_of(attachment, plugin, "ADD");
  call.conf = TRY(plugin_input(attachment, plugin, before));
  call.netns = netns;
  const std::string output = TRY(call_plugin(call));
  return TRY_CTX(parse_cni_result(output, attachment.conf.cni_version), "plugin '{}'",
                 printable(plugin.type));
}

Result<> del(const Attachment& attachment, const PluginConf& plugin, const std::string& netns,
             const std::optional<CniResult>& result) {
  PluginCall call = call_of(attachment, plugin, "DEL");
  call.control.patience = kPatienceAtDel;
  const bool tells = is_at_least(attachment.conf.cni_version, kResultAtDel);
  call.conf = TRY(plugin_input(attachment, plugin, tells ? result : std::nullopt));
  call.netns = netns;
  TRY(call_plugin(call));
  return {};
}

// A device that is lent to a pod comes back by itself when the pod's namespace ends. Its plugin would take
// the stand-in's interface for it.
bool wants_stand_in(const PluginConf& plugin) { return plugin.type != "host-device"; }

std::vector<IpPrefix> addresses_of(const Attachment& attachment, const std::optional<CniResult>& result) {
  std::vector<IpPrefix> addresses;
  if (!result) return addresses;
  for (const CniIp& ip : result->ips_of(attachment.interface)) addresses.push_back(ip.address);
  return addresses;
}

Result<> del_on(const Attachment& attachment, const PluginConf& plugin,
                const std::optional<CniResult>& result, const std::vector<IpPrefix>& addresses) {
  const auto stand_in = TRY(StandIn::make(attachment.interface, addresses));
  return del(attachment, plugin, stand_in.path(), result);
}

// Debian's ptp and bridge fail if the rules of an address are gone already (their chain is, and so is all
// that leads there), so that they would never be done.
bool is_of_gone_rules(const Error& error) { return error.message().contains("does not exist"); }

// They stop at the first such address, whatever the next ones have. And they have one chain for all addresses
// of a version, which cannot be removed together with the first of them (the words of iptables on nf_tables,
// and of the older one).
bool stops_at_rules(const Error& error) {
  return is_of_gone_rules(error) || error.message().contains("CHAIN_DEL failed") ||
         error.message().contains("Too many links");
}

// Each address that can go makes way for another.
Result<> del_address_by_address(const Attachment& attachment, const PluginConf& plugin,
                                const std::optional<CniResult>& result, std::vector<IpPrefix> addresses) {
  while (!addresses.empty()) {
    Result<> last;
    const auto gone = std::erase_if(addresses, [&](const IpPrefix& address) {
      auto done = del_on(attachment, plugin, result, {address});
      if (done || is_of_gone_rules(done.error())) return true;
      last = std::move(done);
      return false;
    });
    if (gone == 0) return last;
  }
  // An interface without addresses has no rules: what fails now is something else.
  return del_on(attachment, plugin, result, {});
}

Result<> del_on_stand_in(const Attachment& attachment, const PluginConf& plugin,
                         const std::optional<CniResult>& result) {
  if (!wants_stand_in(plugin)) return del(attachment, plugin, "", result);
  const auto addresses = addresses_of(attachment, result);
  auto done = del_on(attachment, plugin, result, addresses);
  if (done || !stops_at_rules(done.error())) return done;
  return del_address_by_address(attachment, plugin, result, addresses);
}

// Whether the interface in the namespace has the addresses that it got, from which plugins learn what they
// have to undo outside. The pod may have changed them, or another DEL has been there.
bool has_addresses(const std::string& netns, const std::string& interface,
                   const std::vector<IpPrefix>& addresses) {
  const auto name_space = sys::open_at(sys::at_cwd(), netns, O_RDONLY);
  if (!name_space) return false;
  auto netlink = sys::RouteNetlink::open_in(name_space->get());
  if (!netlink) return false;
  const auto index = netlink->index_of(interface);
  if (!index) return false;
  const auto there = netlink->addresses(*index);
  return there && std::ranges::all_of(addresses, [&](const IpPrefix& wanted) {
           return std::ranges::any_of(
               *there, [&](const sys::LinkAddress& one) { return one.prefix.address == wanted.address; });
         });
}

// The kernel takes a namespace's interfaces away by itself, but in its own time: as long as a connection of
// the pod waits for an answer, which can be minutes. Until then the host's end would keep its route, and
// whoever gets the address would not be reached. Bridges and the like are everybody's.
Result<> delete_host_ends(const CniResult& result) {
  auto host = TRY(sys::RouteNetlink::open());
  for (const CniInterface& made : result.interfaces) {
    if (!made.sandbox.empty() || made.mac.empty()) continue;
    const auto link = host.link(made.name);
    if (!link && link.error().kind() == ErrorKind::kNotFound) continue;
    if (!link) return std::unexpected(link.error());
    // The name may be somebody else's by now.
    if (link->kind != "veth" || link->mac != to_lower(made.mac)) continue;
    const auto gone = host.delete_link(link->index);
    if (!gone && gone.error().kind() != ErrorKind::kNotFound) return gone;
  }
  return {};
}

// Whether a plugin's answer to DEL is the one that it gave to ADD, and one of its own words: the same signal
// or the same time limit twice tells nothing.
bool is_refusal(const Error& error, const Error* failure) {
  const bool tells = error.kind() == kPluginsOwnWords || error.kind() == ErrorKind::kNotFound;
  return failure != nullptr && tells && error.to_string() == failure->to_string();
}

Result<> undo(const Attachment& attachment, const std::optional<CniResult>& result,
              const std::optional<std::string>& netns, const Error* failure) {
  // Debian's firewall forgets its rules too if no result tells it the addresses.
  const auto known = result ? result : result_of_reservations(attachment);
  const auto addresses = addresses_of(attachment, known);
  const bool is_as_made =
      netns && (addresses.empty() || has_addresses(*netns, attachment.interface, addresses));
  if (!netns && result) TRY(delete_host_ends(*result));
  ErrorList errors;
  bool refused = false;
  for (const PluginConf& plugin : std::views::reverse(attachment.conf.plugins)) {
    auto done = netns ? del(attachment, plugin, *netns, known) : Result<>();
    // What is in the namespace ends with it in any case: the stand-in counts.
    if (!is_as_made || (!done && stops_at_rules(done.error())))
      done = del_on_stand_in(attachment, plugin, known);
    if (!done && is_refusal(done.error(), failure))
      refused = true;
    else
      errors.add_if(std::move(done));
  }
  if (refused && has_reservations(attachment)) errors.add(*failure);
  return errors.to_result();
}

}  // namespace

std::string plugin_args(const std::string& users) {
  if (users.empty()) return users;
  for (const std::string& pair : split(users, ';'))
    if (cut(pair, '=').before == "IgnoreUnknown") return users;
  return users + (users.ends_with(';') ? "" : ";") + "IgnoreUnknown=1";
}

Result<std::string> plugin_input(const Attachment& attachment, const PluginConf& plugin,
                                 const std::optional<CniResult>& result) {
  const NetConf& conf = attachment.conf;
  Json input = TRY(json_text::parse(plugin.text));
  input["name"] = conf.name;
  input["cniVersion"] = conf.cni_version;
  if (!attachment.runtime_config.empty()) {
    const Json values = TRY(json_text::parse(attachment.runtime_config));
    for (const std::string& capability : plugin.capabilities)
      if (values.contains(capability)) input["runtimeConfig"][capability] = values[capability];
  }
  if (result) input["prevResult"] = TRY(json_text::parse(TRY(render_cni_result(*result, conf.cni_version))));
  return json_text::dump(input);
}

Result<CniResult> attach(const Attachment& attachment, const std::string& netns,
                         const AttachProgress& progress) {
  std::optional<CniResult> result;
  for (const PluginConf& plugin : attachment.conf.plugins) {
    result = TRY(add(attachment, plugin, netns, result));
    if (progress && &plugin != &attachment.conf.plugins.back()) TRY(progress(*result));
  }
  if (!result) return fail(ErrorKind::kInternal, "network '{}' has no plugin", attachment.conf.name);
  return *std::move(result);
}

Result<> detach(const Attachment& attachment, const std::optional<CniResult>& result,
                const std::optional<std::string>& netns) {
  return undo(attachment, result, netns, nullptr);
}

Result<> undo_failed(const Attachment& attachment, const Error& failure, const std::optional<CniResult>& made,
                     const std::string& netns) {
  return undo(attachment, made, netns, &failure);
}

}  // namespace agena::stage1
