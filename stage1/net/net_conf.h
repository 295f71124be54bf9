// Network configurations: CNI's single ones and lists, as the user's net.d directory and the stage1 image
// have them. What a plugin makes of its own members is no business of this module.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::stage1 {

// What a configuration without a version is taken for, as the CNI specification has it.
inline constexpr std::string_view kOldestCniVersion = "0.1.0";

// Whether a CNI specification version is one that we speak: 0.1.0 to 1.1.0.
bool is_known_cni_version(std::string_view version);
// Whether `version` is `than` or newer; both must be known versions.
bool is_at_least(std::string_view version, std::string_view than);
// Whether a text may be the name of a network: a letter or digit, then letters, digits, '_', '.' and '-'
// (CNI's rule; it gets into file names).
bool is_network_name(std::string_view text);

// One plugin of a network: a single configuration has just one.
struct PluginConf {
  std::string type;                       // name of the program; never a path
  std::string text;                       // the JSON object as the file has it, compact
  std::vector<std::string> capabilities;  // those that it declares as true
  bool ip_masq = false;                   // it masquerades the network's addresses
};

// A network as it is configured.
struct NetConf {
  std::string name;
  std::string cni_version;          // a known version
  std::vector<PluginConf> plugins;  // at least one, in the order of ADD
  std::string file;                 // absolute path that it came from
  std::string text;                 // whole content of that file

  // Base name of the file: networks are in order of it.
  std::string_view file_name() const;
  // Whether a plugin of it declares the capability.
  bool has_capability(std::string_view name) const;
};

// A configuration from its text; complaints name the file and the place in it.
Result<NetConf> parse_net_conf(std::string_view text, std::string file);

// What the two directories hold.
struct NetConfs {
  std::vector<NetConf> confs;        // in order of file name, each name once
  std::vector<std::string> notices;  // one sentence for each file that is passed over
};

// The *.conf, *.conflist and *.json files of both directories. One of the user's hides a built-in one with
// the same name; of two with one name in the same directory the first by file name counts, and a notice tells
// of the other. A directory that is not there has none; a file that is wrong is an error, since what it was
// meant to hide cannot be known.
Result<NetConfs> load_net_confs(const std::string& builtin_dir, const std::string& local_dir);

}  // namespace agena::stage1
