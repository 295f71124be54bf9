// Limits that cgroups enforce, from the isolators of a pod and its apps: as numbers, whatever the layout of
// the host's cgroups.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

enum class Controller { kCpu, kIo, kMemory, kPids };

struct ControllerRow {
  Controller value;
  std::string_view v2_name;
  std::string_view v1_name;
  std::string_view limits;  // what it enforces, in words
};
inline constexpr std::array kControllers = {
    ControllerRow{Controller::kCpu, "cpu", "cpu", "CPU limits"},
    ControllerRow{Controller::kIo, "io", "blkio", "block I/O limits"},
    ControllerRow{Controller::kMemory, "memory", "memory", "memory limits"},
    ControllerRow{Controller::kPids, "pids", "pids", "limits of processes"},
};

// Rates of one disk.
struct DiskLimit {
  unsigned major = 0;
  unsigned minor = 0;
  std::optional<std::int64_t> read_bps = {};  // bytes a second
  std::optional<std::int64_t> write_bps = {};
  std::optional<std::int64_t> read_iops = {};  // operations a second
  std::optional<std::int64_t> write_iops = {};
};

// Limits of the pod, or of an app.
struct CgroupLimits {
  std::optional<std::int64_t> memory;      // bytes
  std::optional<std::int64_t> cpu_millis;  // thousandths of a CPU
  std::optional<std::int64_t> cpu_shares;  // v1's scale, of which 1024 is the default
  std::optional<std::int64_t> pids;        // processes and threads
  std::vector<DiskLimit> disks;
  // Somebody's memory is limited, so kills for lack of it are to be counted by app.
  bool count_memory = false;

  bool uses(Controller controller) const;
  // Forgets what this controller would enforce.
  void drop(Controller controller);
};

struct PodLimits {
  CgroupLimits pod;
  std::map<std::string, CgroupLimits, std::less<>> apps;  // those that have any

  // Every controller may be needed later, by apps that are added.
  bool for_later = false;

  bool uses(Controller controller) const;
  void drop(Controller controller);
};

// Reads the isolators. Devices are looked up on the host: one that is missing or no disk is an error.
Result<PodLimits> limits_of(const Pod& pod);

// Bits a second that the pod's networks may carry in each direction (isolator resource/network-bandwidth).
std::optional<std::uint64_t> network_bandwidth(const Pod& pod);

// What of the isolators can be had neither here nor from cgroups: limits that the process may not give
// itself, and kinds that nothing enforces. A sentence for each.
Result<std::vector<std::string>> limit_problems(const Pod& pod);

// cpu.weight of v2 for cpu.shares of v1: both are proportions, of which 100 and 1024 are the defaults; 1 to
// 10000.
std::int64_t weight_of_shares(std::int64_t shares);

}  // namespace agena::stage1
