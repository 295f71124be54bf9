// A listening socket that a server in an event loop accepts from without ever failing for want of
// descriptors.
#pragma once

#include <optional>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

class Listener {
 public:
  Listener() = default;
  // A descriptor is kept in reserve, if there is one left.
  explicit Listener(UniqueFd socket);

  int get() const { return socket_.get(); }
  // The next connection. nullopt if there is none, or if this process (or the host) has no descriptors or no
  // memory left: then the client is let go, so that it does not wait, and the loop is not woken for it again.
  Result<std::optional<UniqueFd>> accept();

 private:
  UniqueFd socket_;
  UniqueFd spare_;
};

}  // namespace agena::sys
