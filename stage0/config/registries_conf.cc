#include "stage0/config/registries_conf.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// Debian's own library would have exceptions in it.
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>
#include <algorithm>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

// Reads the members of one table, complaining with file and line.
class Table {
 public:
  Table(const toml::table& table, const std::string& path) : table_(table), path_(path) {}

  Result<std::string> text(std::string_view key) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::string();
    if (const auto value = node->value_exact<std::string>()) return *value;
    return wrong(*node, key, "a string");
  }
  Result<bool> flag(std::string_view key) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return false;
    if (const auto value = node->value_exact<bool>()) return *value;
    return wrong(*node, key, "true or false");
  }
  // The tables of an array of tables.
  Result<std::vector<const toml::table*>> tables(std::string_view key) const {
    std::vector<const toml::table*> all;
    const toml::node* node = table_.get(key);
    if (node == nullptr) return all;
    const toml::array* array = node->as_array();
    if (array == nullptr) return wrong(*node, key, "an array of tables");
    for (const toml::node& element : *array) {
      if (element.as_table() == nullptr) return wrong(element, key, "a table");
      all.push_back(element.as_table());
    }
    return all;
  }
  std::unexpected<Error> bad(const std::string& why) const { return complain(table_, why); }

 private:
  std::unexpected<Error> complain(const toml::node& node, const std::string& why) const {
    return fail(ErrorKind::kInvalidInput, "file '{}', line {}: {}", printable(path_),
                node.source().begin.line, why);
  }
  std::unexpected<Error> wrong(const toml::node& node, std::string_view key, std::string_view what) const {
    return complain(node, fmt::format("'{}' must be {}", key, what));
  }
  const toml::table& table_;
  const std::string& path_;
};

// Without a scheme and slashes at the end.
Result<std::string> read_location(const Table& table, std::string_view key) {
  std::string location = TRY(table.text(key));
  while (location.ends_with('/')) location.pop_back();
  if (location.find("://") != std::string::npos)
    return table.bad(fmt::format("'{}' is a host with an optional path, not a URL", key));
  return location;
}

Result<RegistryMirror> read_mirror(const Table& table, bool digests_only) {
  RegistryMirror mirror{
      .location = TRY(read_location(table, "location")),
      .insecure = TRY(table.flag("insecure")),
      .pulls = digests_only ? RegistryMirror::Pulls::kByDigest : RegistryMirror::Pulls::kAll};
  if (mirror.location.empty()) return table.bad("a mirror without a location");
  const std::string pulls = TRY(table.text("pull-from-mirror"));
  if (pulls == "digest-only")
    mirror.pulls = RegistryMirror::Pulls::kByDigest;
  else if (pulls == "tag-only")
    mirror.pulls = RegistryMirror::Pulls::kByTag;
  else if (!pulls.empty() && pulls != "all")
    return table.bad(fmt::format("pull-from-mirror is '{}' (all, digest-only, tag-only)", printable(pulls)));
  return mirror;
}

Result<RegistryRule> read_rule(const toml::table& node, const std::string& path) {
  const Table table(node, path);
  RegistryRule rule{.prefix = TRY(read_location(table, "prefix")),
                    .location = TRY(read_location(table, "location")),
                    .insecure = TRY(table.flag("insecure")),
                    .blocked = TRY(table.flag("blocked"))};
  if (rule.prefix.empty()) rule.prefix = rule.location;
  if (rule.prefix.empty()) return table.bad("a registry without a prefix or a location");
  const bool wildcard = rule.prefix.starts_with("*.");
  if (wildcard && rule.prefix.find('/') != std::string::npos)
    return table.bad(fmt::format("prefix '{}': a wildcard stands for hosts only", printable(rule.prefix)));
  if (rule.prefix.find('*', wildcard ? 1 : 0) != std::string::npos)
    return table.bad(
        fmt::format("prefix '{}': a wildcard stands at the beginning, as '*.'", printable(rule.prefix)));
  const bool digests_only = TRY(table.flag("mirror-by-digest-only"));
  for (const toml::table* mirror : TRY(table.tables("mirror")))
    rule.mirrors.push_back(TRY(read_mirror(Table(*mirror, path), digests_only)));
  return rule;
}

// How many bytes of the name the prefix covers; 0 if it does not fit.
std::size_t covered(const std::string& prefix, const std::string& name) {
  if (prefix.starts_with("*.")) {
    const std::string_view host = std::string_view(name).substr(0, name.find('/'));
    const std::string_view domain = std::string_view(prefix).substr(1);
    // The port does not count, unless the prefix has one.
    const std::string_view bare = domain.contains(':') ? host : host.substr(0, host.rfind(':'));
    return bare.ends_with(domain) && bare.size() > domain.size() ? host.size() : 0;
  }
  if (!name.starts_with(prefix)) return 0;
  const bool whole = name.size() == prefix.size() || std::string_view("/:@").contains(name[prefix.size()]);
  // "host" is not a prefix of "host:5000/x": another port is another registry.
  const bool port =
      whole && name.size() > prefix.size() && name[prefix.size()] == ':' && !prefix.contains('/');
  return whole && !port ? prefix.size() : 0;
}

}  // namespace

Result<> RegistriesConf::add(const std::string& bytes, const std::string& path) {
  const toml::parse_result parsed = toml::parse(bytes, path);
  if (!parsed)
    return fail(ErrorKind::kInvalidInput, "file '{}', line {}: {}", printable(path),
                parsed.error().source().begin.line, printable(parsed.error().description()));
  const Table table(parsed.table(), path);
  if (parsed.table().contains("registries"))
    return table.bad("version 1 of this file is not supported (see containers-registries.conf(5))");
  for (const toml::table* node : TRY(table.tables("registry"))) {
    RegistryRule rule = TRY(read_rule(*node, path));
    const auto known = std::ranges::find(rules_, rule.prefix, &RegistryRule::prefix);
    if (known == rules_.end())
      rules_.push_back(std::move(rule));
    else
      *known = std::move(rule);
  }
  return {};
}

const RegistryRule* RegistriesConf::find(const std::string& name) const {
  const RegistryRule* best = nullptr;
  for (const RegistryRule& rule : rules_)
    if (covered(rule.prefix, name) != 0 && (best == nullptr || rule.prefix.size() > best->prefix.size()))
      best = &rule;
  return best;
}

bool RegistriesConf::is_insecure(const std::string& host) const {
  if (const RegistryRule* own = find(host); own != nullptr && own->location.empty()) return own->insecure;
  return std::ranges::any_of(rules_, [&](const RegistryRule& rule) {
    if (rule.insecure && rule.location == host) return true;
    return std::ranges::any_of(rule.mirrors, [&](const RegistryMirror& mirror) {
      return mirror.insecure && mirror.location == host;
    });
  });
}

std::string RegistriesConf::rewrite(const RegistryRule& rule, const std::string& location,
                                    const std::string& name) {
  if (location.empty()) return name;
  return location + name.substr(covered(rule.prefix, name));
}

}  // namespace agena::stage0
