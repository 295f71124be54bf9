// registries.conf of containers-common, version 2, with its drop-in directories: which server stands for
// which name. Short names are not looked up: "busybox" is docker.io's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace agena::stage0 {

struct RegistryMirror {
  enum class Pulls { kAll, kByDigest, kByTag };
  std::string location;  // host[:port][/path]
  bool insecure = false;
  Pulls pulls = Pulls::kAll;
  bool operator==(const RegistryMirror&) const = default;
};

// One [[registry]] table.
struct RegistryRule {
  std::string prefix;    // host[:port][/path], or *.domain
  std::string location;  // what the prefix becomes; empty: it stays
  bool insecure = false;
  bool blocked = false;
  std::vector<RegistryMirror> mirrors = {};
  bool operator==(const RegistryRule&) const = default;
};

class RegistriesConf {
 public:
  // Adds the tables of a file's bytes; a prefix that is known is replaced. kInvalidInput names `path` and the
  // line.
  Result<> add(const std::string& bytes, const std::string& path);
  const std::vector<RegistryRule>& rules() const { return rules_; }

  // The rule with the longest prefix that fits "host[:port]/repository", or nullptr.
  const RegistryRule* find(const std::string& name) const;
  // Whether a whole server (host[:port]) is marked as insecure, as registry or as mirror: not only what is
  // below some path of it.
  bool is_insecure(const std::string& host) const;

  // What a name becomes at a location: the part that the rule's prefix covers is replaced.
  static std::string rewrite(const RegistryRule& rule, const std::string& location, const std::string& name);

 private:
  std::vector<RegistryRule> rules_;
};

}  // namespace agena::stage0
