#include "stage1/plan/resources.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/stage2/process_limits.h"
#include "common/sys/fs.h"

namespace agena::stage1 {

bool CgroupLimits::uses(Controller controller) const {
  switch (controller) {
    case Controller::kCpu:
      return cpu_millis || cpu_shares;
    case Controller::kIo:
      return !disks.empty();
    case Controller::kMemory:
      return memory || count_memory;
    case Controller::kPids:
      return pids.has_value();
  }
  return false;
}

void CgroupLimits::drop(Controller controller) {
  switch (controller) {
    case Controller::kCpu:
      cpu_millis.reset();
      cpu_shares.reset();
      break;
    case Controller::kIo:
      disks.clear();
      break;
    case Controller::kMemory:
      memory.reset();
      count_memory = false;
      break;
    case Controller::kPids:
      pids.reset();
      break;
  }
}

bool PodLimits::uses(Controller controller) const {
  return for_later || pod.uses(controller) ||
         std::ranges::any_of(apps, [&](const auto& app) { return app.second.uses(controller); });
}

void PodLimits::drop(Controller controller) {
  pod.drop(controller);
  for (auto& [name, limits] : apps) limits.drop(controller);
}

namespace {

using schema::IsolatorKind;
using Isolators = std::vector<schema::Isolator>;

template <class Value>
const Value* value_of(const Isolators& isolators, IsolatorKind kind) {
  const schema::Isolator* isolator = schema::find_isolator(isolators, kind);
  return isolator == nullptr ? nullptr : std::get_if<Value>(&isolator->value);
}

// The limit of a resource/* isolator; requests are a scheduler's business.
std::optional<schema::Quantity> limit_in(const Isolators& isolators, IsolatorKind kind) {
  const auto* value = value_of<schema::ResourceValue>(isolators, kind);
  return value == nullptr ? std::nullopt : value->limit;
}

// "8:0" of a file below /sys.
Result<DiskLimit> read_disk(const std::string& path) {
  const std::string text(trim(TRY(sys::read_file(sys::at_cwd(), path))));
  const Cut parts = cut(text, ':');
  return DiskLimit{.major = static_cast<unsigned>(TRY(parse_uint(parts.before, UINT32_MAX))),
                   .minor = static_cast<unsigned>(TRY(parse_uint(parts.after, UINT32_MAX)))};
}

// The disk that a device node is, or is a part of: the kernel limits whole disks only.
Result<DiskLimit> disk_of(const std::string& node) {
  const auto st = TRY(sys::stat_at(sys::at_cwd(), node, 0));
  if (!S_ISBLK(st.st_mode)) return fail(ErrorKind::kInvalidInput, "'{}' is no block device", printable(node));
  const std::string at = fmt::format("/sys/dev/block/{}:{}", major(st.st_rdev), minor(st.st_rdev));
  if (TRY(sys::exists(sys::at_cwd(), at + "/partition"))) return read_disk(at + "/../dev");
  return DiskLimit{.major = major(st.st_rdev), .minor = minor(st.st_rdev)};
}

DiskLimit& limit_of_disk(std::vector<DiskLimit>& disks, const DiskLimit& disk) {
  const auto found = std::ranges::find_if(
      disks, [&](const DiskLimit& other) { return other.major == disk.major && other.minor == disk.minor; });
  return found == disks.end() ? disks.emplace_back(disk) : *found;
}

// resource/block-bandwidth and -iops: a limit that every disk of the host gets.
Result<> add_all_disks(const Isolators& isolators, std::vector<DiskLimit>& disks) {
  const auto bandwidth = limit_in(isolators, IsolatorKind::kBlockBandwidth);
  const auto iops = limit_in(isolators, IsolatorKind::kBlockIops);
  if (!bandwidth && !iops) return {};
  for (const std::string& name : TRY(sys::list_dir(sys::at_cwd(), "/sys/block"))) {
    const auto disk = read_disk("/sys/block/" + name + "/dev");
    if (!disk) continue;  // it has gone
    DiskLimit& limit = limit_of_disk(disks, *disk);
    if (bandwidth) limit.read_bps = limit.write_bps = bandwidth->value();
    if (iops) limit.read_iops = limit.write_iops = iops->value();
  }
  return {};
}

// agena/block-io: single disks, whose limits count more.
Result<> add_single_disks(const Isolators& isolators, std::vector<DiskLimit>& disks) {
  const auto* block = value_of<schema::BlockIo>(isolators, IsolatorKind::kBlockIo);
  if (block == nullptr) return {};
  for (const schema::BlockDeviceLimit& device : block->devices) {
    DiskLimit& limit = limit_of_disk(disks, TRY(disk_of(device.device)));
    if (device.read_bps) limit.read_bps = device.read_bps;
    if (device.write_bps) limit.write_bps = device.write_bps;
    if (device.read_iops) limit.read_iops = device.read_iops;
    if (device.write_iops) limit.write_iops = device.write_iops;
  }
  return {};
}

Result<CgroupLimits> cgroup_limits(const Isolators& isolators) {
  CgroupLimits limits;
  if (isolators.empty()) return limits;
  if (const auto memory = limit_in(isolators, IsolatorKind::kMemory)) limits.memory = memory->value();
  if (const auto cpu = limit_in(isolators, IsolatorKind::kCpu)) limits.cpu_millis = TRY(cpu->milli_value());
  if (const auto* shares = value_of<schema::CpuShares>(isolators, IsolatorKind::kCpuShares))
    limits.cpu_shares = shares->shares;
  if (const auto* pids = value_of<schema::PidsLimit>(isolators, IsolatorKind::kPidsLimit))
    limits.pids = pids->pids;
  TRY(add_all_disks(isolators, limits.disks));
  TRY(add_single_disks(isolators, limits.disks));
  limits.count_memory = limits.memory.has_value();
  return limits;
}

bool has_any(const CgroupLimits& limits) {
  return std::ranges::any_of(kControllers, [&](const ControllerRow& row) { return limits.uses(row.value); });
}

}  // namespace

Result<PodLimits> limits_of(const Pod& pod) {
  PodLimits limits;
  limits.for_later = pod.options.is_mutable;
  limits.pod = TRY_CTX(cgroup_limits(pod.manifest.isolators), "limits of the pod");
  for (const PodApp& app : pod.apps) {
    CgroupLimits of_app = TRY_CTX(cgroup_limits(app.app.isolators), "limits of app '{}'", app.name());
    // Within the pod's quota an equal or larger one of the app says nothing, and v1 refuses it.
    if (limits.pod.cpu_millis && of_app.cpu_millis >= limits.pod.cpu_millis) of_app.cpu_millis.reset();
    of_app.count_memory = of_app.count_memory || limits.pod.memory;
    if (has_any(of_app)) limits.apps.emplace(app.name(), std::move(of_app));
  }
  return limits;
}

namespace {

// Kinds that make sense for an app only.
constexpr std::array kOfAppsOnly = {IsolatorKind::kOomScoreAdj, IsolatorKind::kRlimits};

}  // namespace

Result<std::vector<std::string>> limit_problems(const Pod& pod) {
  constexpr const char* kText = "isolator {} of {} cannot be enforced: {}";
  constexpr const char* kNoNetworks = "there is no network to be shaped";
  std::vector<std::string> problems;
  for (const schema::Isolator& isolator : pod.manifest.isolators) {
    if (isolator.kind == IsolatorKind::kNetworkBandwidth &&
        pod.options.network.kind != NetworkChoice::Kind::kPod)
      problems.push_back(fmt::format(kText, isolator.name.str(), "the pod", kNoNetworks));
    if (std::ranges::find(kOfAppsOnly, isolator.kind) != kOfAppsOnly.end())
      problems.push_back(fmt::format(kText, isolator.name.str(), "the pod", "it is for apps"));
  }
  for (const PodApp& app : pod.apps) {
    const auto limits = TRY_CTX(stage2::process_limits(app.app, pod.options.private_users.has_value()),
                                "app '{}'", app.name());
    for (const std::string& problem : limits.problems)
      problems.push_back(fmt::format("app '{}' cannot have {}", app.name(), problem));
    if (schema::find_isolator(app.app.isolators, IsolatorKind::kNetworkBandwidth) != nullptr)
      problems.push_back(fmt::format(kText, "resource/network-bandwidth", "app '" + app.name() + "'",
                                     "apps of a pod share its networks; it can be the pod's"));
  }
  return problems;
}

std::optional<std::uint64_t> network_bandwidth(const Pod& pod) {
  const auto limit = limit_in(pod.manifest.isolators, IsolatorKind::kNetworkBandwidth);
  if (!limit || limit->value() <= 0) return std::nullopt;
  // appc's is in bytes.
  return static_cast<std::uint64_t>(std::min(limit->value(), INT64_MAX / 8)) * 8;
}

std::int64_t weight_of_shares(std::int64_t shares) {
  constexpr std::int64_t kDefaultShares = 1024;
  constexpr std::int64_t kDefaultWeight = 100;
  constexpr std::int64_t kMostWeight = 10000;
  return std::clamp<std::int64_t>(shares * kDefaultWeight / kDefaultShares, 1, kMostWeight);
}

}  // namespace agena::stage1
