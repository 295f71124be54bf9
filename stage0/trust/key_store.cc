#include "stage0/trust/key_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "manifests/schema/ac_name.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxKeyBytes = 1U << 20U;
constexpr int kMaxDepth = 32;  // of a prefix

// 40 digits: version 4 keys; 64: version 5 and 6.
bool is_fingerprint(std::string_view name) {
  return (name.size() == 40 || name.size() == 64) && is_lower_hex(name);
}

std::string place_of(const std::string& directory, const std::string& prefix) {
  const std::string base = directory + "/trustedkeys/";
  return prefix.empty() ? base + "root.d" : base + "prefix.d/" + prefix;
}

// By prefix and fingerprint; nothing: masked.
using Found = std::map<std::pair<std::string, std::string>, std::optional<TrustedKey>>;

bool is_absent(const Error& error) {
  return error.kind() == ErrorKind::kNotFound || error.sys_errno() == ENOTDIR;
}

// Files of one directory, and of those below it if it is one of prefixes.
Result<> collect(const std::string& directory, const std::string& prefix, bool local, bool deeper, int depth,
                 Found& found) {
  auto names = sys::list_dir(sys::at_cwd(), directory);
  if (!names && is_absent(names.error())) return {};
  for (const std::string& name : TRY_CTX(std::move(names), "reading trusted keys")) {
    std::string path = directory + "/" + name;
    auto st = sys::stat_at(sys::at_cwd(), path, 0);
    if (!st && is_absent(st.error())) continue;
    const struct stat what = TRY_CTX(std::move(st), "reading trusted keys");
    if (S_ISDIR(what.st_mode) && deeper && depth < kMaxDepth)
      TRY(collect(path, prefix.empty() ? name : prefix + "/" + name, local, true, depth + 1, found));
    if (!S_ISREG(what.st_mode) || !is_fingerprint(name) || (deeper && prefix.empty())) continue;
    std::optional<TrustedKey> key;
    if (what.st_size > 0)
      key = TrustedKey{.prefix = prefix, .fingerprint = name, .path = std::move(path), .local = local};
    found[{prefix, name}] = std::move(key);
  }
  return {};
}

// Makes missing directories as the ones above them are: a group that may write to the configuration may then
// write to the keys.
Result<> make_key_directory(const std::string& path) {
  if (TRY(sys::exists(sys::at_cwd(), path))) return {};
  const std::string parent = path.substr(0, path.rfind('/'));
  if (parent.empty()) return sys::make_dir(sys::at_cwd(), path, 0755);
  TRY(make_key_directory(parent));
  const struct stat above = TRY(sys::stat_at(sys::at_cwd(), parent, 0));
  return sys::make_dir(sys::at_cwd(), path, 0755U | (above.st_mode & 02775U));
}

Result<> check_prefix(const std::string& prefix) {
  if (!prefix.empty()) TRY_CTX(schema::AcIdentifier::parse(prefix), "prefix '{}'", printable(prefix));
  return {};
}

}  // namespace

Result<std::vector<TrustedKey>> list_trusted_keys(const KeyStoreDirectories& directories) {
  Found found;
  for (const bool local : {false, true}) {
    const std::string& directory = local ? directories.local : directories.system;
    if (directory.empty()) continue;
    TRY(collect(place_of(directory, ""), "", local, false, 0, found));
    TRY(collect(directory + "/trustedkeys/prefix.d", "", local, true, 0, found));
  }
  std::vector<TrustedKey> keys;
  for (auto& [where, key] : found)
    if (key) keys.push_back(*std::move(key));
  return keys;
}

bool prefix_covers(std::string_view prefix, std::string_view name) {
  if (prefix.empty() || prefix == name) return true;
  return name.size() > prefix.size() && name.starts_with(prefix) && name[prefix.size()] == '/';
}

Result<std::string> read_trusted_key(const TrustedKey& key) {
  return TRY_CTX(sys::read_file(sys::at_cwd(), key.path, kMaxKeyBytes), "trusted key '{}'", key.path);
}

Result<std::string> add_trusted_key(const KeyStoreDirectories& directories, const std::string& prefix,
                                    const std::string& fingerprint, std::string_view armoured) {
  TRY(check_prefix(prefix));
  if (!is_fingerprint(fingerprint))
    return fail(ErrorKind::kInternal, "'{}' is not the fingerprint of a key", printable(fingerprint));
  const std::string directory = place_of(directories.local, prefix);
  TRY_CTX(make_key_directory(directory), "trusting key {}", fingerprint);
  const std::string path = directory + "/" + fingerprint;
  TRY_CTX(sys::replace_file(sys::at_cwd(), path, armoured, 0644, sys::Durability::kSync), "trusting key {}",
          fingerprint);
  return path;
}

Result<> remove_trusted_key(const KeyStoreDirectories& directories, const std::string& prefix,
                            const std::string& fingerprint) {
  TRY(check_prefix(prefix));
  const auto keys = TRY(list_trusted_keys(directories));
  const auto trusted = std::ranges::find_if(
      keys, [&](const TrustedKey& key) { return key.prefix == prefix && key.fingerprint == fingerprint; });
  if (trusted == keys.end())
    return fail(ErrorKind::kNotFound, "key {} is not trusted for {}", printable(fingerprint),
                prefix.empty() ? "all images" : "prefix '" + prefix + "'");
  const std::string system = place_of(directories.system, prefix) + "/" + fingerprint;
  if (!directories.system.empty() && TRY(sys::exists(sys::at_cwd(), system))) {
    TRY(add_trusted_key(directories, prefix, fingerprint, ""));
    return {};
  }
  return sys::remove_file(sys::at_cwd(), trusted->path);
}

}  // namespace agena::stage0
