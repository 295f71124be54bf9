#include "stage0/cli/volume_values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/strings.h"
#include "manifests/isolators/sysctls.h"
#include "stage0/cli/flag_values.h"

namespace agena::stage0 {
namespace {

struct Unit {
  std::string_view name;
  unsigned shift;
};
constexpr std::array kUnits = {Unit{"", 0}, Unit{"b", 0}, Unit{"k", 10}, Unit{"m", 20}, Unit{"g", 30}};

// "MiB", "MB" and "m" alike.
std::string unit_name(std::string_view text) {
  std::string name = to_lower(text);
  if (name.size() > 1 && name.ends_with('b')) name.pop_back();
  if (name.size() > 1 && name.ends_with('i')) name.pop_back();
  return name;
}

Result<> check_path(std::string_view path) {
  if (!path.starts_with('/') || path.find_first_not_of("/.") == std::string_view::npos)
    return fail(ErrorKind::kInvalidInput, "'{}' is not an absolute path below the root", printable(path));
  return {};
}

// The kernel's names of mount options, as docker takes them.
Result<> set_tmpfs_option(schema::TmpfsMount& mount, const std::string& option) {
  struct Switch {
    std::string_view name;
    bool schema::TmpfsMount::* member;
    bool value;
  };
  static constexpr std::array kSwitches = {
      Switch{"exec", &schema::TmpfsMount::exec, true}, Switch{"noexec", &schema::TmpfsMount::exec, false},
      Switch{"suid", &schema::TmpfsMount::suid, true}, Switch{"nosuid", &schema::TmpfsMount::suid, false}};
  // What holds anyway.
  static constexpr std::array<std::string_view, 2> kAlways = {"rw", "nodev"};
  if (std::ranges::find(kAlways, option) != kAlways.end()) return {};
  const auto* row = std::ranges::find(kSwitches, option, &Switch::name);
  if (row != kSwitches.end()) {
    mount.*row->member = row->value;
    return {};
  }
  const Cut pair = cut(option, '=');
  if (pair.before == "size") {
    mount.size = TRY(parse_size(pair.after));
  } else if (pair.before == "mode") {
    const auto [end, error] =
        std::from_chars(pair.after.data(), pair.after.data() + pair.after.size(), mount.mode, 8);
    if (error != std::errc{} || end != pair.after.data() + pair.after.size() || mount.mode > 07777)
      return fail(ErrorKind::kInvalidInput, "'{}' is not an octal mode", printable(pair.after));
  } else if (pair.before == "uid") {
    mount.uid = static_cast<std::uint32_t>(TRY(parse_uint(pair.after, UINT32_MAX - 1)));
  } else if (pair.before == "gid") {
    mount.gid = static_cast<std::uint32_t>(TRY(parse_uint(pair.after, UINT32_MAX - 1)));
  } else {
    return fail(ErrorKind::kInvalidInput,
                "unknown option '{}' (size=, mode=, uid=, gid=, exec, noexec, suid, nosuid)",
                printable(option));
  }
  return {};
}

Result<schema::DeviceAccess> parse_access(std::string_view text) {
  const auto has = [&](char letter) { return text.contains(letter); };
  const schema::DeviceAccess access{.read = has('r'), .write = has('w'), .mknod = has('m')};
  if (!text.empty() && text.size() == std::size_t{access.read} + access.write + access.mknod) return access;
  return fail(ErrorKind::kInvalidInput, "expected some of the letters r, w and m, found '{}'",
              printable(text));
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto* unit = std::ranges::find(kUnits, unit_name(text.substr(digits)), &Unit::name);
  if (digits == 0 || unit == kUnits.end())
    return fail(ErrorKind::kInvalidInput, "expected a size such as 4096, 64m or 1g, found '{}'",
                printable(text));
  return TRY(parse_uint(text.substr(0, digits), static_cast<std::uint64_t>(INT64_MAX) >> unit->shift))
         << unit->shift;
}

Result<schema::TmpfsMount> parse_tmpfs(std::string_view text) {
  const Cut parts = cut(text, ':');
  TRY(check_path(parts.before));
  schema::TmpfsMount mount{.path = std::string(parts.before)};
  if (!parts.found) return mount;
  for (const std::string& option : split(parts.after, ',')) TRY(set_tmpfs_option(mount, option));
  return mount;
}

Result<DeviceRequest> parse_device(std::string_view text) {
  const std::vector<std::string> parts = split(text, ':');
  constexpr std::size_t kMostParts = 3;
  if (parts.size() > kMostParts)
    return fail(ErrorKind::kInvalidInput, "expected HOSTPATH[:PATH[:rwm]], found '{}'", printable(text));
  DeviceRequest device{
      .source = parts[0], .target = parts[0], .access = {.read = true, .write = true, .mknod = true}};
  std::size_t next = 1;
  if (parts.size() > next && parts[next].starts_with('/')) device.target = parts[next++];
  if (parts.size() > next) device.access = TRY(parse_access(parts[next++]));
  if (parts.size() > next)
    return fail(ErrorKind::kInvalidInput, "expected HOSTPATH[:PATH[:rwm]], found '{}'", printable(text));
  TRY(check_path(device.source));
  TRY(check_path(device.target));
  return device;
}

Result<> add_sysctl(schema::Sysctls& sysctls, std::string_view text) {
  const Cut pair = cut(text, '=');
  if (!pair.found || pair.before.empty() || pair.after.empty())
    return fail(ErrorKind::kInvalidInput, "expected NAME=VALUE, found '{}'", printable(text));
  TRY(isolators::check_sysctl(pair.before, {}));
  if (!sysctls.values.emplace(pair.before, pair.after).second)
    return fail(ErrorKind::kInvalidInput, "'{}' is already set", printable(pair.before));
  return {};
}

Result<MountedVolume> parse_mounted_volume(std::string_view text) {
  std::string name;
  std::string target;
  std::string rest;
  for (const std::string& pair : split(text, ',')) {
    const Cut parts = cut(pair, '=');
    if (parts.before == "name")
      name = parts.after;
    else if (parts.before == "target")
      target = parts.after;
    else
      rest += "," + pair;
  }
  if (target.empty())
    return fail(ErrorKind::kInvalidInput, "expected target=PATH, found '{}'", printable(text));
  if (name.empty()) name = TRY(schema::AcName::sanitised("mnt-" + target)).str();
  if (name.contains('=')) return fail(ErrorKind::kInvalidInput, "'{}' is no name", printable(name));
  return MountedVolume{.volume = TRY(parse_volume(name + rest)),
                       .mount = TRY(parse_mount("volume=" + name + ",target=" + target))};
}

}  // namespace agena::stage0
