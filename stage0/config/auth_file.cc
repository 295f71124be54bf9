#include "stage0/config/auth_file.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/secret_json.h"
#include "common/base/strings.h"
#include "stage0/config/base64.h"

namespace agena::stage0 {
namespace {

// A string that may be secret: a wrong type is told without the value.
std::string secret(const JsonNode& object, std::string_view key) {
  const auto node = object.find(key);
  if (!node) return {};
  if (node->raw().is_string()) return node->as_string().value_or("");
  node->complain("must be a string");
  return {};
}

// An object's member that is an object itself.
std::optional<JsonNode> object(const JsonNode& parent, std::string_view key) {
  auto node = parent.find(key);
  if (!node || node->is_object()) return node;
  node->complain("must be an object");
  return std::nullopt;
}

std::optional<AuthEntry> read_entry(const JsonNode& node) {
  if (!node.is_object()) {
    node.complain("must be an object");
    return std::nullopt;
  }
  AuthEntry entry{.user = secret(node, "username"),
                  .password = secret(node, "password"),
                  .identity_token = secret(node, "identitytoken"),
                  .registry_token = secret(node, "registrytoken")};
  if (const std::string auth = secret(node, "auth"); !auth.empty()) {
    const auto decoded = base64_decode(auth);
    const Cut pair = cut(decoded ? std::string_view(*decoded) : std::string_view(), ':');
    if (!pair.found) {
      node.complain("'auth' is not the base64 form of USER:PASSWORD");
      return std::nullopt;
    }
    entry.user = pair.before;
    // Some writers end it by a NUL.
    entry.password = pair.after.substr(0, pair.after.find('\0'));
  }
  return entry;
}

}  // namespace

std::string normalise_auth_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) {
      key.remove_prefix(scheme.size());
      key = key.substr(0, key.find('/'));
    }
  while (key.ends_with('/')) key.remove_suffix(1);
  const Cut parts = cut(key, '/');
  if (parts.before == "index.docker.io" || parts.before == "registry-1.docker.io") {
    // Versions in their paths are of the protocol.
    std::string_view path = parts.after;
    if (const Cut version = cut(path, '/'); version.before == "v1" || version.before == "v2")
      path = version.after;
    return path.empty() ? "docker.io" : "docker.io/" + std::string(path);
  }
  return std::string(key);
}

const AuthEntry* AuthFile::find(const std::string& registry, const std::string& repository) const {
  std::string key = registry + "/" + repository;
  while (true) {
    const auto it = entries.find(key);
    // Where a helper keeps the secret, docker leaves an empty entry.
    if (it != entries.end() && it->second != AuthEntry()) return &it->second;
    const std::size_t slash = key.rfind('/');
    if (slash == std::string::npos) return nullptr;
    key.resize(slash);
  }
}

Result<AuthFile> parse_auth_file(std::string_view bytes, const std::string& path) {
  const std::string name = fmt::format("file '{}'", printable(path));
  const auto json = TRY_CTX(json_text::parse_secret(bytes), "{}", name);
  JsonProblems problems(name);
  const JsonNode root(json, problems);
  AuthFile file;
  if (!root.is_object()) root.complain("must be an object");
  if (const auto auths = root.is_object() ? object(root, "auths") : std::nullopt)
    auths->each_member([&](const std::string& key, const JsonNode& node) {
      if (auto entry = read_entry(node)) file.entries.emplace(normalise_auth_key(key), *std::move(entry));
    });
  if (const auto helpers = root.is_object() ? object(root, "credHelpers") : std::nullopt)
    helpers->each_member([&](const std::string& key, const JsonNode& node) {
      if (!node.raw().is_string()) return node.complain("must be a string");
      file.helpers.emplace(normalise_auth_key(key), node.as_string().value_or(""));
    });
  if (root.is_object()) file.store = secret(root, "credsStore");
  TRY(problems.to_result());
  return file;
}

}  // namespace agena::stage0
