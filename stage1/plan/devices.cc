#include "stage1/plan/devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage1 {
namespace {

using Rules = std::vector<DeviceRule>;

constexpr DeviceRule everything(unsigned major, std::optional<unsigned> minor) {
  return {.type = 'c', .major = major, .minor = minor, .read = true, .write = true, .mknod = true};
}

// Documentation/admin-guide/devices.txt; those of systemd's DevicePolicy=closed.
constexpr std::array kStandard = {
    everything(1, 3),                                                                           // null
    everything(1, 5),                                                                           // zero
    everything(1, 7),                                                                           // full
    everything(1, 8),                                                                           // random
    everything(1, 9),                                                                           // urandom
    everything(5, 0),                                                                           // tty
    everything(10, 200),                                                                        // net/tun
    everything(5, 2),                                                                           // ptmx
    DeviceRule{.type = 'c', .major = 136, .minor = std::nullopt, .read = true, .write = true},  // pts
};

bool is_device(const struct stat& st) { return S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode); }

// Rules of one device are joined, since the kernel's v1 policy has one entry for each.
void add_rule(Rules& rules, const DeviceRule& rule) {
  const auto same = std::ranges::find_if(rules, [&](const DeviceRule& other) {
    return other.type == rule.type && other.major == rule.major && other.minor == rule.minor;
  });
  if (same == rules.end()) {
    rules.push_back(rule);
    return;
  }
  same->read = same->read || rule.read;
  same->write = same->write || rule.write;
  same->mknod = same->mknod || rule.mknod;
}

void add_device(Rules& rules, const struct stat& st, const schema::DeviceAccess& access) {
  add_rule(rules, {.type = S_ISBLK(st.st_mode) ? 'b' : 'c',
                   .major = major(st.st_rdev),
                   .minor = minor(st.st_rdev),
                   .read = access.read,
                   .write = access.write,
                   .mknod = access.mknod});
}

// A directory of devices, such as /dev/snd: every node below it. Symlinks are not followed.
Result<> add_directory(Rules& rules, const sys::DirFd& dir, const schema::DeviceAccess& access) {
  for (const std::string& name : TRY(sys::list_dir(dir))) {
    const auto st = sys::stat_at(dir, name);
    // Device nodes come and go (hot-plug).
    if (!st && st.error().kind() == ErrorKind::kNotFound) continue;
    if (!st) return std::unexpected(st.error());
    if (is_device(*st)) add_device(rules, *st, access);
    if (S_ISDIR(st->st_mode))
      TRY_CTX(add_directory(rules, TRY(sys::open_dir(dir, name)), access), "directory '{}'", printable(name));
  }
  return {};
}

Result<> add_volume(Rules& rules, const stage2::AppMount& mount) {
  if (mount.volume.kind != schema::VolumeKind::kHost) return {};
  const auto st = sys::stat_at(sys::at_cwd(), mount.volume.source, 0);
  // Mounting it says what is missing.
  if (!st) return {};
  const auto& access = mount.volume.device_access;
  if (is_device(*st))
    add_device(rules, *st, access.value_or(schema::DeviceAccess{.read = true, .write = !mount.read_only}));
  if (S_ISDIR(st->st_mode) && access)
    TRY(add_directory(rules, TRY(sys::open_dir(sys::at_cwd(), mount.volume.source)), *access));
  return {};
}

Result<> add_volumes(Rules& rules, const Pod& pod, const PodApp& app) {
  for (const stage2::AppMount& mount : TRY(stage2::mounts_of_app(pod.manifest, app)))
    TRY_CTX(add_volume(rules, mount), "volume '{}'", mount.volume.name.str());
  return {};
}

}  // namespace

std::string to_string(const DeviceRule& rule) {
  return fmt::format("{} {}:{} {}{}{}", rule.type, rule.major,
                     rule.minor ? std::to_string(*rule.minor) : std::string("*"), rule.read ? "r" : "",
                     rule.write ? "w" : "", rule.mknod ? "m" : "");
}

Result<std::vector<DeviceRule>> devices_of(const Pod& pod, const PodApp& app) {
  Rules rules(kStandard.begin(), kStandard.end());
  TRY_CTX(add_volumes(rules, pod, app), "app '{}'", app.name());
  return rules;
}

Result<std::vector<DeviceRule>> devices_of(const Pod& pod) {
  Rules rules(kStandard.begin(), kStandard.end());
  for (const PodApp& app : pod.apps) TRY_CTX(add_volumes(rules, pod, app), "app '{}'", app.name());
  return rules;
}

}  // namespace agena::stage1
