#include "stage0/config/trust_policy.h"

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::array<std::string_view, 5> kTypes = {"insecureAcceptAnything", "reject", "signedBaseLayer",
                                                    "signedBy", "sigstoreSigned"};

// Scopes of an image from the narrowest on: with its tag or digest, the repository, each path above, the
// host, wildcards of its domain, all.
std::vector<std::string> scopes_of(const std::string& domain, const std::string& repository,
                                   const std::string& tag_or_digest) {
  std::string name = domain + "/" + repository;
  std::vector<std::string> scopes = {name + (tag_or_digest.find(':') == std::string::npos ? ":" : "@") +
                                     tag_or_digest};
  while (true) {
    scopes.push_back(name);
    const std::size_t slash = name.rfind('/');
    if (slash == std::string::npos) break;
    name.resize(slash);
  }
  for (std::size_t dot = domain.find('.'); dot != std::string::npos; dot = domain.find('.', dot + 1))
    scopes.push_back("*" + domain.substr(dot));
  scopes.emplace_back();
  return scopes;
}

}  // namespace

Result<TrustPolicy> TrustPolicy::parse(std::string_view bytes, const std::string& path) {
  const std::string name = fmt::format("file '{}'", printable(path));
  const auto json = TRY_CTX(json_text::parse(bytes), "{}", name);
  JsonProblems problems(name);
  const JsonNode root(json, problems);
  TrustPolicy policy;
  policy.path_ = path;
  const auto read_requirements = [](const JsonNode& list) {
    Requirements requirements;
    list.each([&](const JsonNode& node) {
      const auto type_node = node.require("type");
      std::string type = type_node ? type_node->as_string().value_or("") : "";
      if (type_node && std::ranges::find(kTypes, type) == kTypes.end())
        type_node->complain(fmt::format("unknown type '{}'", printable(type)));
      requirements.push_back({.type = std::move(type)});
    });
    if (requirements.empty()) list.complain("no requirement in it");
    return requirements;
  };
  if (const auto list = root.require("default")) policy.default_ = read_requirements(*list);
  if (const auto transports = root.find("transports"))
    if (const auto docker = transports->find("docker"))
      docker->each_member([&](const std::string& scope, const JsonNode& list) {
        policy.docker_.emplace(scope, read_requirements(list));
      });
  TRY(problems.to_result());
  return policy;
}

Result<> TrustPolicy::check(const std::string& domain, const std::string& repository,
                            const std::string& tag_or_digest, bool waive_signatures) const {
  const Requirements* chosen = &default_;
  std::string scope = "default";
  for (const std::string& candidate : scopes_of(domain, repository, tag_or_digest))
    if (const auto it = docker_.find(candidate); it != docker_.end()) {
      chosen = &it->second;
      scope = candidate.empty() ? "docker" : candidate;
      break;
    }
  for (const Requirement& requirement : *chosen) {
    if (requirement.type == "insecureAcceptAnything") continue;
    if (requirement.type == "reject")
      return fail(ErrorKind::kPermission, "image '{}/{}' is rejected by the policy in '{}' (scope '{}')",
                  printable(domain), printable(repository), printable(path_), printable(scope));
    if (waive_signatures) continue;
    return std::unexpected(
        Error(ErrorKind::kUnsupported,
              fmt::format(
                  "the policy in '{}' (scope '{}') wants a signature for '{}/{}' ({}), and signatures of "
                  "images in registries are not verified by this build",
                  printable(path_), printable(scope), printable(domain), printable(repository),
                  requirement.type))
            .with_hint("--insecure-options=image waives signatures"));
  }
  return {};
}

}  // namespace agena::stage0
