// What a datagram of sd_notify(3) says, as far as it counts for a pod.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace agena::stage1 {

struct NotifyState {
  bool ready = false;
  bool reloading = false;
  bool stopping = false;
  std::optional<std::string> status = {};       // STATUS=
  std::optional<std::string> extend_usec = {};  // EXTEND_TIMEOUT_USEC=, digits only
  bool operator==(const NotifyState&) const = default;
};

// Lines that are not known, or make no sense, do not count.
NotifyState parse_notify_state(std::string_view datagram);

}  // namespace agena::stage1
