#include "stage1/net/net_record.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "stage1/net/cni_plugin.h"
#include "stage1/net/own_plugins.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;
using json_text::Json;

constexpr std::string_view kEnding = ".json";
// Version in which the result of a network of our own making is kept: the one that can say everything.
constexpr std::string_view kOwnVersion = "1.0.0";

// Names of networks are CNI's, which fit a file name.
std::string record_path(std::size_t index, const NetRecord& record) {
  return fmt::format("{}/{:02}-{}{}", paths::kNetRecords, index, record.attachment.conf.name, kEnding);
}

Result<Json> result_json(const CniResult& result) {
  const std::string version = result.version.empty() ? std::string(kOwnVersion) : result.version;
  return Json{{"version", version}, {"text", TRY(render_cni_result(result, version))}};
}

// For the directory in stage1's own root, which is at another place whenever it is needed.
constexpr std::string_view kOwn = "stage1:usr/lib/rkt/plugins/net";

Result<std::vector<std::string>> recorded_dirs(const std::vector<std::string>& dirs) {
  const std::string own = TRY(own_plugins_dir());
  std::vector<std::string> recorded = dirs;
  std::ranges::replace(recorded, own, std::string(kOwn));
  return recorded;
}

Result<std::string> render(std::size_t index, const NetRecord& record) {
  const Attachment& attachment = record.attachment;
  Json json = {{"index", index},
               {"network", attachment.conf.name},
               {"builtIn", record.built_in},
               {"interface", attachment.interface},
               {"args", attachment.args},
               {"containerId", attachment.container_id},
               {"file", attachment.conf.file},
               {"conf", attachment.conf.text},
               {"runtimeConfig", attachment.runtime_config},
               {"pluginDirs", TRY(recorded_dirs(attachment.plugin_dirs))}};
  if (record.result) json["result"] = TRY(result_json(*record.result));
  return json_text::dump(json);
}

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)), problems_("file '" + file_ + "'") {}

  Result<StoredRecord> read(std::string_view text) {
    const Json json = TRY_CTX(json_text::parse(text), "file '{}'", file_);
    const JsonNode node(json, problems_);
    StoredRecord stored;
    Attachment& attachment = stored.record.attachment;
    if (const auto index = node.require("index")) stored.index = index->as_uint().value_or(0);
    if (const auto own = node.require("builtIn")) stored.record.built_in = own->as_bool().value_or(false);
    attachment.interface = text_of(node, "interface");
    attachment.args = text_of(node, "args");
    attachment.container_id = text_of(node, "containerId");
    attachment.runtime_config = text_of(node, "runtimeConfig");
    if (const auto dirs = node.require("pluginDirs"))
      dirs->each(
          [&](const JsonNode& dir) { attachment.plugin_dirs.push_back(dir.as_string().value_or("")); });
    std::ranges::replace(attachment.plugin_dirs, std::string(kOwn), TRY(own_plugins_dir()));
    const std::string conf = text_of(node, "conf");
    const std::string conf_file = text_of(node, "file");
    std::optional<std::pair<std::string, std::string>> result;
    if (const auto found = node.find("result"))
      result.emplace(text_of(*found, "text"), text_of(*found, "version"));
    TRY(problems_.to_result());
    attachment.conf = TRY_CTX(parse_net_conf(conf, conf_file), "file '{}'", file_);
    if (result)
      stored.record.result = TRY_CTX(parse_cni_result(result->first, result->second), "file '{}'", file_);
    return stored;
  }

 private:
  static std::string text_of(const JsonNode& node, std::string_view key) {
    const auto member = node.require(key);
    return member ? member->as_string().value_or("") : "";
  }

  std::string file_;
  JsonProblems problems_;
};

// rkt's members; an address of IPv4 only, its mask dotted.
Json net_info_json(const NetRecord& record) {
  const Attachment& attachment = record.attachment;
  std::string ip;
  std::string mask;
  Json all = Json::array();
  for (const CniIp& one : record.result->ips_of(attachment.interface)) {
    all.push_back(one.address.to_string());
    if (!ip.empty() || !one.address.address.is_v4()) continue;
    ip = one.address.address.to_string();
    mask = one.address.mask().to_string();
  }
  const std::string& type = attachment.conf.plugins.front().type;
  const std::string plugin =
      record.built_in ? type : find_plugin(type, attachment.plugin_dirs).value_or(type);
  return {{"netName", attachment.conf.name},
          {"netConf", attachment.conf.file},
          {"pluginPath", plugin},
          {"ifName", attachment.interface},
          {"ip", ip},
          {"args", attachment.args},
          {"mask", mask},
          {"ips", std::move(all)}};
}

}  // namespace

Result<> write_net_record(const sys::DirFd& pod_dir, std::size_t index, const NetRecord& record) {
  TRY(sys::make_dirs(pod_dir, paths::kNetRecords, 0700));
  // Not synced, which would cost more than the network: what a power cut takes of it is made up for by the
  // pod's id, which host-local's files have (tear_down_networks).
  return sys::replace_file(pod_dir, record_path(index, record), TRY(render(index, record)), 0600);
}

Result<> remove_net_record(const sys::DirFd& pod_dir, std::size_t index, const NetRecord& record) {
  return sys::remove_file(pod_dir, record_path(index, record));
}

Result<StoredRecords> read_net_records(const sys::DirFd& pod_dir) {
  StoredRecords found;
  if (!TRY(sys::exists(pod_dir, paths::kNetRecords))) return found;
  for (const std::string& name : TRY(sys::list_dir(pod_dir, paths::kNetRecords))) {
    if (!name.ends_with(kEnding)) continue;  // a temporary file of a writer that was killed
    const std::string path = std::string(paths::kNetRecords) + "/" + name;
    if (auto record = Reader(path).read(TRY(sys::read_file(pod_dir, path))))
      found.records.push_back(*std::move(record));
    else
      found.broken.push_back(path);
  }
  std::ranges::sort(found.records, {}, &StoredRecord::index);
  return found;
}

Result<std::string> render_net_info(std::span<const NetRecord> records) {
  Json json = Json::array();
  for (const NetRecord& record : records) json.push_back(net_info_json(record));
  return json_text::dump(json);
}

}  // namespace agena::stage1
