#include "stage1/run/limit_files.h"

#include <array>

#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

// CPU time is dealt out in periods of this length, the kernel's default.
constexpr std::int64_t kPeriodMicros = 100'000;

std::int64_t quota_micros(std::int64_t cpu_millis) { return cpu_millis * kPeriodMicros / 1000; }

struct RateRow {
  std::optional<std::int64_t> DiskLimit::* member;
  const char* v1_file;
  const char* v2_key;
};
constexpr std::array kRates = {
    RateRow{&DiskLimit::read_bps, "blkio.throttle.read_bps_device", "rbps"},
    RateRow{&DiskLimit::write_bps, "blkio.throttle.write_bps_device", "wbps"},
    RateRow{&DiskLimit::read_iops, "blkio.throttle.read_iops_device", "riops"},
    RateRow{&DiskLimit::write_iops, "blkio.throttle.write_iops_device", "wiops"},
};

}  // namespace

// Documentation/admin-guide/cgroup-v1/{memory,blkio-controller,pids}.rst,
// Documentation/scheduler/sched-bwc.rst.
std::vector<LimitFile> v1_files(Controller controller, const CgroupLimits& limits) {
  std::vector<LimitFile> files;
  switch (controller) {
    case Controller::kCpu:
      if (limits.cpu_millis) {
        files.push_back({"cpu.cfs_period_us", fmt::format("{}", kPeriodMicros)});
        files.push_back({"cpu.cfs_quota_us", fmt::format("{}", quota_micros(*limits.cpu_millis))});
      }
      if (limits.cpu_shares) files.push_back({"cpu.shares", fmt::format("{}", *limits.cpu_shares)});
      break;
    case Controller::kIo:
      for (const DiskLimit& disk : limits.disks)
        for (const RateRow& row : kRates)
          if (disk.*row.member)
            files.push_back(
                {row.v1_file, fmt::format("{}:{} {}", disk.major, disk.minor, *(disk.*row.member))});
      break;
    case Controller::kMemory:
      if (limits.memory) files.push_back({"memory.limit_in_bytes", fmt::format("{}", *limits.memory)});
      break;
    case Controller::kPids:
      if (limits.pids) files.push_back({"pids.max", fmt::format("{}", *limits.pids)});
      break;
  }
  return files;
}

// Documentation/admin-guide/cgroup-v2.rst.
std::vector<LimitFile> v2_files(Controller controller, const CgroupLimits& limits) {
  std::vector<LimitFile> files;
  switch (controller) {
    case Controller::kCpu:
      if (limits.cpu_millis)
        files.push_back({"cpu.max", fmt::format("{} {}", quota_micros(*limits.cpu_millis), kPeriodMicros)});
      if (limits.cpu_shares)
        files.push_back({"cpu.weight", fmt::format("{}", weight_of_shares(*limits.cpu_shares))});
      break;
    case Controller::kIo:
      for (const DiskLimit& disk : limits.disks) {
        std::string text = fmt::format("{}:{}", disk.major, disk.minor);
        for (const RateRow& row : kRates)
          if (disk.*row.member) text += fmt::format(" {}={}", row.v2_key, *(disk.*row.member));
        files.push_back({"io.max", std::move(text)});
      }
      break;
    case Controller::kMemory:
      if (limits.memory) files.push_back({"memory.max", fmt::format("{}", *limits.memory)});
      break;
    case Controller::kPids:
      if (limits.pids) files.push_back({"pids.max", fmt::format("{}", *limits.pids)});
      break;
  }
  return files;
}

}  // namespace agena::stage1
