// The ids of pods with user namespaces of their own (`--private-users`): each pod has a range that no other
// pod of the data directory has, recorded in its directory from `prepare` until it is deleted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/sys/id_range.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

// Every range has this many ids and starts at a multiple of it.
inline constexpr std::uint32_t kPrivateUsersCount = 65536;
// Ranges come from within these ids, which systemd's and Debian's conventions leave to containers.
inline constexpr sys::IdRange kPrivateUsersSpace = {0x0008'0000, 0x6FF8'0000};

// A free range: within one of the `usable` ones, apart from all `taken` ones. The search begins at the
// `start`-th of all ranges and goes round. kBusy if there is none.
Result<sys::IdRange> choose_range(std::span<const sys::IdRange> usable, std::span<const sys::IdRange> taken,
                                  std::uint32_t start);

// The ranges of a subuid(5) or subgid(5) file; lines that do not hold are skipped.
std::vector<sys::IdRange> parse_subordinate_ids(std::string_view text);
// The ids outside that a uid_map or gid_map of proc(5) gives to this process.
std::vector<sys::IdRange> parse_id_map(std::string_view text);

// Chooses a range for a new pod and records it in the pod's directory, under a lock of the data directory:
// apart from those of all other pods in whatever state, from /etc/subuid and /etc/subgid, and from the
// host's users and groups. The start is random, so that a range is not soon used again after its pod.
Result<sys::IdRange> assign_private_users(const std::string& data_dir, const Pods& pods, const Pod& pod);

// The range of a pod; nullopt if it has no user namespace of its own.
Result<std::optional<sys::IdRange>> read_private_users(const sys::DirFd& pod);

}  // namespace agena::stage0
