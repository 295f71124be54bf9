// Network configurations: what is read of one is the same when its text is read again, no plugin's name is a
// path, and ranges of addresses that are taken are within their networks.
#include "stage1/net/net_conf.h"

#include "stage1/net/attachment.h"
#include "stage1/net/builtin_conf.h"
#include "tests/fuzz/check.h"

namespace {

void check_built_in(const agena::stage1::NetConf& conf) {
  using namespace agena::stage1;
  FUZZ_CHECK(read_reservations_place(conf).data_dir.starts_with('/'));
  if (!is_ptp_conf(conf)) return;
  const auto ptp = read_ptp_conf(conf, "", "");
  if (!ptp) return;
  FUZZ_CHECK(!ptp->ipam.sets.empty() && ptp->ipam.network == conf.name);
  for (const RangeSet& set : ptp->ipam.sets)
    for (const AddressRange& range : set)
      FUZZ_CHECK(range.subnet.contains(range.first) && range.subnet.contains(range.last) &&
                 range.first <= range.last && range.gateway.is_v4() == range.first.is_v4());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage1;
  const auto conf = parse_net_conf(agena::fuzz::text_of(data, size), "/net.d/x.conf");
  if (!conf) return 0;
  FUZZ_CHECK(is_network_name(conf->name));
  FUZZ_CHECK(is_known_cni_version(conf->cni_version));
  FUZZ_CHECK(!conf->plugins.empty());
  const auto again = parse_net_conf(conf->text, conf->file);
  FUZZ_CHECK(again && again->name == conf->name && again->plugins.size() == conf->plugins.size());
  const Attachment attachment{.conf = *conf,
                              .interface = "eth0",
                              .args = {},
                              .container_id = "x",
                              .runtime_config = R"({"portMappings":[]})",
                              .plugin_dirs = {}};
  for (const PluginConf& plugin : conf->plugins) {
    FUZZ_CHECK(!plugin.type.empty() && !plugin.type.contains('/'));
    FUZZ_CHECK(plugin_input(attachment, plugin, {}));
  }
  check_built_in(*conf);
  return 0;
}
