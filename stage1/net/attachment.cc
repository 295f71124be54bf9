#include "stage1/net/attachment.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "stage1/net/cni_plugin.h"
#include "stage1/net/stand_in.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

// The first version whose DEL gets the result of ADD.
constexpr std::string_view kResultAtDel = "0.4.0";

Json as_json(const std::string& text) { return *json_text::parse(text); }

PluginCall call_of(const Attachment& attachment, const PluginConf& plugin, const char* command) {
  return {.command = command,
          .type = plugin.type,
          .conf = {},
          .container_id = attachment.container_id,
          .interface = attachment.interface,
          .args = plugin_args(attachment.args),
          .version = attachment.conf.cni_version,
          .dirs = attachment.plugin_dirs};
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
  const bool tells = is_at_least(attachment.conf.cni_version, kResultAtDel);
  call.conf = TRY(plugin_input(attachment, plugin, tells ? result : std::nullopt));
  call.netns = netns;
  TRY(call_plugin(call));
  return {};
}

// A device that is lent to a pod comes back by itself when the pod's namespace ends. Its plugin would take
// the stand-in's interface for it.
bool wants_stand_in(const PluginConf& plugin) { return plugin.type != "host-device"; }

Result<> del_all(const Attachment& attachment, const std::optional<CniResult>& result,
                 const std::string& netns, bool is_stand_in) {
  ErrorList errors;
  for (const PluginConf& plugin : std::views::reverse(attachment.conf.plugins)) {
    const bool without = is_stand_in && !wants_stand_in(plugin);
    errors.add_if(del(attachment, plugin, without ? "" : netns, result));
  }
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
  if (netns) return del_all(attachment, result, *netns, false);
  const StandIn stand_in = TRY(StandIn::make(attachment.interface, known_addresses(attachment, result)));
  return del_all(attachment, result, stand_in.path(), true);
}

}  // namespace agena::stage1
