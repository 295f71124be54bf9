// The flags that every command takes, and what they make of configuration and personality.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/options.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/config/config.h"
#include "stage0/config/personality.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

struct GlobalFlags {
  bool help = false;
  bool debug = false;
  std::optional<std::string> dir;            // --dir as typed
  std::optional<std::string> system_config;  // --system-config; personality's directory otherwise
  std::optional<std::string> local_config;
  std::string user_config;  // empty: none
  InsecureOptions insecure;
  bool trust_keys_from_https = false;  // keys that discovery finds over https are trusted without a review
};

// The declarations, for parser and help.
OptionList global_options();

// Picks the global flags out of a command line's uses. Flags for things that this build cannot do are errors
// naming the flag.
Result<GlobalFlags> read_global_flags(std::span<const OptionUse> uses);

// Configuration directories in the order of load_config(), absolute.
Result<std::vector<std::string>> config_directories(const GlobalFlags& flags, const Personality& personality);

// The data directory: --dir, else the configuration's, else the personality's; absolute, symlinks resolved as
// far as it exists.
Result<std::string> data_directory(const GlobalFlags& flags, const Personality& personality,
                                   const Config& config);

// The whole configuration, with every path that was not configured filled in by its default (`config` prints
// it).
Result<Config> effective_config(const GlobalFlags& flags, const Personality& personality);

// Where pods are registered with the metadata service.
std::string metadata_socket(const Personality& personality);

// Everything that the pod operations need. `start`: when the command began (monotonic).
Result<Engine> make_engine(const GlobalFlags& flags, const Personality& personality, Nanoseconds start);

}  // namespace agena::stage0
