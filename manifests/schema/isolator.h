// Isolators: limits and permissions of an app or a pod, as values. What is known about each name (grammar,
// ranges) is in manifests/isolators.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "manifests/schema/ac_name.h"
#include "manifests/schema/quantity.h"

namespace agena::schema {

// Every isolator of appc 0.8.11, and ours (agena/…); kUnknown for any other name.
enum class IsolatorKind {
  kUnknown,
  kCpu,
  kMemory,
  kBlockBandwidth,
  kBlockIops,
  kNetworkBandwidth,
  kCapabilitiesRetain,
  kCapabilitiesRemove,
  kSeccompRetain,
  kSeccompRemove,
  kNoNewPrivileges,
  kCpuShares,
  kOomScoreAdj,
  kSelinuxContext,
  kApparmorProfile,
  kBlockIo,
  kPidsLimit,
  kRlimits,
  kTmpfs,
  kShmSize,
  kSysctls,
};

// resource/*: cpu in cores, memory in bytes, bandwidths in bytes (network: bits) a second, iops a second.
struct ResourceValue {
  std::optional<Quantity> request = {};
  std::optional<Quantity> limit = {};
  bool is_default = false;
  bool operator==(const ResourceValue&) const = default;
};

// os/linux/capabilities-*-set: names as in capabilities(7), "CAP_NET_ADMIN"; at least one.
struct CapabilitySet {
  std::vector<std::string> names = {};
  bool operator==(const CapabilitySet&) const = default;
};

// os/linux/seccomp-*-set: system call names and "@group" names, at least one; errno name ("EPERM") or empty
// for a kill.
struct SeccompSet {
  std::vector<std::string> names = {};
  std::string errno_name = {};
  bool operator==(const SeccompSet&) const = default;
};

// os/linux/no-new-privileges.
struct NoNewPrivileges {
  bool enabled = false;
  bool operator==(const NoNewPrivileges&) const = default;
};

// os/linux/cpu-shares: 2 to 262144 (kernel range of cpu.shares).
struct CpuShares {
  std::int64_t shares = 1024;
  bool operator==(const CpuShares&) const = default;
};

// os/linux/oom-score-adj: -1000 to 1000 (proc(5)).
struct OomScoreAdj {
  std::int64_t score = 0;
  bool operator==(const OomScoreAdj&) const = default;
};

// os/linux/selinux-context.
struct SelinuxContext {
  std::string user = {};
  std::string role = {};
  std::string type = {};
  std::string level = {};
  bool operator==(const SelinuxContext&) const = default;
};

// os/linux/apparmor-profile.
struct ApparmorProfile {
  std::string name = {};
  bool operator==(const ApparmorProfile&) const = default;
};

// agena/block-io: limits of single block devices.
struct BlockDeviceLimit {
  std::string device = {};                    // path of a node on the host: a disk, or a part of one
  std::optional<std::int64_t> read_bps = {};  // bytes a second
  std::optional<std::int64_t> write_bps = {};
  std::optional<std::int64_t> read_iops = {};  // operations a second
  std::optional<std::int64_t> write_iops = {};
  bool operator==(const BlockDeviceLimit&) const = default;
};
struct BlockIo {
  std::vector<BlockDeviceLimit> devices = {};
  bool operator==(const BlockIo&) const = default;
};

// agena/pids-limit: processes and threads, at least 1.
struct PidsLimit {
  std::int64_t pids = 1;
  bool operator==(const PidsLimit&) const = default;
};

// agena/rlimits: limits of getrlimit(2), each at most once.
struct Rlimit {
  static constexpr std::uint64_t kUnlimited = UINT64_MAX;
  std::string name = {};  // "nofile" for RLIMIT_NOFILE
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;  // not less than soft
  bool operator==(const Rlimit&) const = default;
};
struct Rlimits {
  std::vector<Rlimit> limits = {};
  bool operator==(const Rlimits&) const = default;
};

// agena/tmpfs: a file system in memory at a path of the app.
struct TmpfsMount {
  std::string path = {};                   // absolute, inside the app's root
  std::optional<std::uint64_t> size = {};  // bytes; unset: the kernel's default, half of the memory
  std::uint32_t mode = 01777;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool exec = false;  // whether programs in it can be run
  bool suid = false;  // whether set-user-ID bits in it count
  bool operator==(const TmpfsMount&) const = default;
};
struct TmpfsMounts {
  std::vector<TmpfsMount> mounts = {};
  bool operator==(const TmpfsMounts&) const = default;
};

// agena/shm-size, of a pod: bytes that fit into its /dev/shm.
struct ShmSize {
  std::uint64_t bytes = 0;
  bool operator==(const ShmSize&) const = default;
};

// agena/sysctls, of a pod: kernel settings by name (isolators/sysctls.h).
struct Sysctls {
  std::map<std::string, std::string> values = {};
  bool operator==(const Sysctls&) const = default;
};

// The typed value; monostate for unknown isolators.
using IsolatorValue = std::variant<std::monostate, ResourceValue, CapabilitySet, SeccompSet, NoNewPrivileges,
                                   CpuShares, OomScoreAdj, SelinuxContext, ApparmorProfile, BlockIo,
                                   PidsLimit, Rlimits, TmpfsMounts, ShmSize, Sysctls>;

// One isolator. `json` is the value as the document has it (compact JSON text) and is what is written back;
// make one from a typed value with isolators::make_isolator, so that both agree.
struct Isolator {
  AcIdentifier name;
  IsolatorKind kind = IsolatorKind::kUnknown;
  std::string json = {};
  IsolatorValue value = {};
  bool operator==(const Isolator&) const = default;
};

}  // namespace agena::schema
