// Calling a CNI plugin: a program of the host or of the user that gets its order in the environment and its
// configuration on stdin, and answers on stdout. What it prints is foreign.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace agena::stage1 {

class PluginCgroup;

// What the calling process has to do with its plugins besides.
struct PluginControl {
  // Readable while somebody wants the caller to end (not read here); -1: nobody does.
  int end_request = -1;
  // How long a plugin may go on then.
  Nanoseconds patience = 0;
  // Where plugins run; nullptr: in the caller's cgroup.
  PluginCgroup* cgroup = nullptr;
};

struct PluginCall {
  std::string command;            // ADD, DEL, CHECK or VERSION
  std::string type;               // name of the plugin's program
  std::string conf;               // JSON for its stdin
  std::string container_id = {};  // the pod's UUID
  std::string netns = {};         // path of the network namespace; empty: there is none
  std::string interface = {};     // name of the interface in it
  std::string args = {};          // "KEY=VALUE;…"
  std::string version = {};       // of the specification, for plugins older than the first one
  std::vector<std::string> dirs;  // where programs are looked for, first one first
  Nanoseconds time_limit = 60 * kSecond;
  PluginControl control = {};
};

// Path of a plugin's program; kNotFound names the directories.
Result<std::string> find_plugin(const std::string& type, const std::vector<std::string>& dirs);

// Kind of the error of a plugin that failed and told why, as CNI has it. All others are of other kinds.
inline constexpr ErrorKind kPluginsOwnWords = ErrorKind::kNetwork;

// Runs the plugin and returns what it printed. A failure tells the plugin, its message and details, or how it
// ended and what it wrote to stderr. Plugins are killed at the time limit, or when they print more than 1
// MiB, or when the caller is to end, or has ended (its thread).
Result<std::string> call_plugin(const PluginCall& call);

}  // namespace agena::stage1
