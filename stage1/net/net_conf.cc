#include "stage1/net/net_conf.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

// Oldest first. What 1.1.0 adds (STATUS, GC) is a runtime's choice to use.
constexpr std::array<std::string_view, 7> kVersions = {"0.1.0", "0.2.0", "0.3.0", "0.3.1",
                                                       "0.4.0", "1.0.0", "1.1.0"};
constexpr std::array<std::string_view, 3> kSuffixes = {".conf", ".conflist", ".json"};
constexpr std::size_t kMostBytes = 1U << 20U;
// No list of any use comes near to it; each one costs a process.
constexpr std::size_t kMostPlugins = 32;

std::size_t index_of(std::string_view version) {
  return static_cast<std::size_t>(std::ranges::find(kVersions, version) - kVersions.begin());
}

std::string known_versions() {
  std::string all;
  for (const std::string_view version : kVersions) all += (all.empty() ? "" : ", ") + std::string(version);
  return all;
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// It becomes the last component of a path that is executed.
bool is_plugin_name(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && !text.contains('/') && !text.contains('\0');
}

Result<std::string> parse_network_name(std::string_view text) {
  if (is_network_name(text)) return std::string(text);
  return fail(ErrorKind::kInvalidInput,
              "'{}' is no name for a network: a letter or digit is expected, then letters, digits, '_', '.' "
              "and '-'",
              printable(text));
}

Result<std::string> parse_plugin_name(std::string_view text) {
  if (is_plugin_name(text)) return std::string(text);
  return fail(ErrorKind::kInvalidInput, "'{}' is no name of a plugin's program", printable(text));
}

Result<std::string> parse_version(std::string_view text) {
  if (text.empty()) return std::string(kOldestCniVersion);
  if (is_known_cni_version(text)) return std::string(text);
  return fail(ErrorKind::kUnsupported, "CNI version '{}' is not known here (known are {})", printable(text),
              known_versions());
}

// "cniVersions" (since 1.1.0) offers several versions: the newest that is known counts.
std::string read_version(const JsonNode& root) {
  std::string version(kOldestCniVersion);
  std::optional<std::string> newest;
  if (const auto several = root.find("cniVersions"))
    several->each([&](const JsonNode& node) {
      const auto one = node.as_string();
      if (one && is_known_cni_version(*one) && (!newest || is_at_least(*one, *newest))) newest = one;
    });
  if (newest) return *newest;
  if (const auto node = root.find("cniVersion"))
    if (auto one = node->parsed(parse_version)) version = *std::move(one);
  return version;
}

PluginConf read_plugin(const JsonNode& node) {
  PluginConf plugin;
  if (const auto type = node.require("type"))
    if (auto text = type->parsed(parse_plugin_name)) plugin.type = *std::move(text);
  if (const auto all = node.find("capabilities"))
    all->each_member([&](const std::string& key, const JsonNode& value) {
      if (value.as_bool().value_or(false)) plugin.capabilities.push_back(key);
    });
  if (const auto masq = node.find("ipMasq")) plugin.ip_masq = masq->as_bool().value_or(false);
  // Plugins take an "ipam" without a type for none at all.
  if (const auto ipam = node.find("ipam"); ipam && ipam->is_object()) {
    if (const auto type = ipam->find("type"))
      if (const auto text = type->as_string(); text && !text->empty()) (void)type->parsed(parse_plugin_name);
  } else if (ipam) {
    ipam->complain_expected("an object");
  }
  if (auto text = json_text::dump(node.raw())) plugin.text = *std::move(text);
  return plugin;
}

void read_plugins(const JsonNode& root, NetConf& conf) {
  const auto list = root.find("plugins");
  if (!list) {
    conf.plugins.push_back(read_plugin(root));
    return;
  }
  list->each([&](const JsonNode& node) {
    if (!node.is_object()) return node.complain_expected("an object");
    conf.plugins.push_back(read_plugin(node));
  });
  if (conf.plugins.empty()) list->complain("a list of plugins has at least one");
  if (conf.plugins.size() > kMostPlugins)
    list->complain(fmt::format("{} plugins are more than {}", conf.plugins.size(), kMostPlugins));
}

bool is_conf_file(std::string_view name) {
  return std::ranges::any_of(kSuffixes, [&](std::string_view suffix) { return name.ends_with(suffix); });
}

Result<NetConf> load_net_conf(const std::string& path) {
  // A fifo would never be read to its end.
  const struct stat st = TRY(sys::stat_at(sys::at_cwd(), path, 0));
  if (!S_ISREG(st.st_mode))
    return fail(ErrorKind::kInvalidInput, "network configuration '{}' is no regular file", printable(path));
  const std::string text = TRY_CTX(sys::read_file(sys::at_cwd(), path, kMostBytes), "network configuration");
  return parse_net_conf(text, path);
}

const NetConf* find_named(const std::vector<NetConf>& confs, const std::string& name) {
  const auto at = std::ranges::find(confs, name, &NetConf::name);
  return at == confs.end() ? nullptr : &*at;
}

// Adds the directory's configurations to the list; of the same name in the same directory, the first counts.
Result<> load_dir(const std::string& dir, NetConfs& all) {
  auto names = sys::list_dir(sys::at_cwd(), dir);
  if (!names && names.error().kind() == ErrorKind::kNotFound) return {};
  if (!names) return std::unexpected(std::move(names).error());
  std::vector<NetConf> confs;
  ErrorList wrong;
  for (const std::string& name : *names) {
    if (!is_conf_file(name)) continue;
    auto conf = load_net_conf(fmt::format("{}/{}", dir, name));
    if (!conf) {
      wrong.add(std::move(conf).error());
    } else if (const NetConf* earlier = find_named(confs, conf->name)) {
      all.notices.push_back(
          fmt::format("network configuration '{}' is passed over: '{}' is also of network '{}'", conf->file,
                      earlier->file, conf->name));
    } else {
      confs.push_back(*std::move(conf));
    }
  }
  TRY(wrong.to_result());
  for (NetConf& conf : confs)
    if (find_named(all.confs, conf.name) == nullptr) all.confs.push_back(std::move(conf));
  return {};
}

}  // namespace

bool is_known_cni_version(std::string_view version) { return index_of(version) < kVersions.size(); }

bool is_at_least(std::string_view version, std::string_view than) {
  return index_of(version) >= index_of(than);
}

bool is_network_name(std::string_view text) {
  const auto fits = [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
  return !text.empty() && is_alphanumeric(text.front()) && std::ranges::all_of(text, fits);
}

std::string_view NetConf::file_name() const {
  const std::string_view path = file;
  return path.substr(path.rfind('/') + 1);
}

bool NetConf::has_capability(std::string_view wanted) const {
  return std::ranges::any_of(plugins, [&](const PluginConf& plugin) {
    return std::ranges::find(plugin.capabilities, wanted) != plugin.capabilities.end();
  });
}

Result<NetConf> parse_net_conf(std::string_view text, std::string file) {
  const std::string document = fmt::format("network configuration '{}'", printable(file));
  const Json root = TRY_CTX(json_text::parse(text, {.max_bytes = kMostBytes}), "{}", document);
  JsonProblems problems(document);
  const JsonNode node(root, problems);
  NetConf conf;
  if (!node.is_object()) {
    node.complain_expected("an object");
  } else {
    if (const auto name = node.require("name"))
      if (auto parsed = name->parsed(parse_network_name)) conf.name = *std::move(parsed);
    conf.cni_version = read_version(node);
    read_plugins(node, conf);
  }
  TRY(problems.to_result());
  conf.file = std::move(file);
  conf.text = text;
  return conf;
}

Result<NetConfs> load_net_confs(const std::string& builtin_dir, const std::string& local_dir) {
  NetConfs all;
  TRY(load_dir(local_dir, all));
  TRY(load_dir(builtin_dir, all));
  std::ranges::stable_sort(all.confs, {}, &NetConf::file_name);
  return all;
}

}  // namespace agena::stage1
