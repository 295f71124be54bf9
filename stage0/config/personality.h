// The personality: every difference between being called `agena` and being called `rkt`. One table; nothing
// else in the code asks for the name.
#pragma once

#include <span>
#include <string_view>

namespace agena::stage0 {

struct Personality {
  std::string_view name;               // of the command; also what default host names begin with, NAME-UUID
  std::string_view data_dir;           // images and pods
  std::string_view local_config_dir;   // the administrator's configuration
  std::string_view system_config_dir;  // the distribution's configuration
  std::string_view run_dir;            // the metadata service's socket and state
  std::string_view group;              // whose members may read the data directory
  // The rkt version that programs shall see, empty if they shall see our own only.
  std::string_view rkt_version;
  // Whether ACIs in local files must be signed, or may be.
  bool local_signatures = false;
};

// The whole table, sorted by name.
std::span<const Personality> personalities();
// The personality for an argv[0]: the row whose name is its last path element; `agena` for any other name.
const Personality& personality_for(std::string_view program);

}  // namespace agena::stage0
