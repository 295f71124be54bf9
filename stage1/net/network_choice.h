// The value of `run --net`: which networks a pod asks for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::stage1 {

// One network by name; `args` is CNI's "K=V;K=V" (CNI_ARGS).
struct NetworkRequest {
  std::string name;
  std::string args = {};
  bool operator==(const NetworkRequest&) const = default;
};

// The network that a pod gets when nobody says anything.
inline constexpr std::string_view kDefaultNetwork = "default";

struct NetworkChoice {
  enum class Kind {
    kHost,  // the host's network namespace
    kNone,  // a namespace with a loopback interface
    kPod,   // the same with networks
  };
  Kind kind = Kind::kNone;
  bool all = false;                            // every network that is configured
  std::vector<NetworkRequest> requested = {};  // besides, with arguments perhaps; no name twice
  bool is_hosts() const { return kind == Kind::kHost; }
  bool operator==(const NetworkChoice&) const = default;
};

// "host", "none", or a list "NAME[:ARGS],…", where the name "all" stands for every network. An empty text is
// the default network.
Result<NetworkChoice> parse_network_choice(std::string_view text);

}  // namespace agena::stage1
