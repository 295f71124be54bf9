// Values of agena/* isolators about file systems and kernel settings.
#include "manifests/isolators/sysctls.h"
#include "manifests/isolators/values.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::isolators {

using json_text::Json;
using schema::TmpfsMount;

namespace {

// Kernel: -1 stands for "no change" in chown(2) and is no id.
constexpr std::uint64_t kMaxId = UINT32_MAX - 1;
// One page; less is rounded up to it, and 0 would mean no limit.
constexpr std::uint64_t kMinSize = 4096;

std::optional<std::uint64_t> read_size(const JsonNode& node) {
  const auto size = node.as_uint(INT64_MAX);
  if (!size || *size >= kMinSize) return size;
  node.complain(fmt::format("must be at least {} bytes", kMinSize));
  return std::nullopt;
}

std::optional<TmpfsMount> read_tmpfs_mount(const JsonNode& node) {
  json::ObjectReader object(node);
  const auto path = object.require("path");
  const auto size = object.find("size");
  const auto mode = object.find("mode");
  auto target = path ? json::read_absolute_path(*path) : std::nullopt;
  if (!target) return std::nullopt;
  TmpfsMount mount{.path = *std::move(target)};
  bool good = true;
  if (size) {
    mount.size = read_size(*size);
    good = mount.size.has_value();
  }
  if (mode) {
    const auto bits = json::read_mode(*mode);
    good = good && bits;
    mount.mode = bits.value_or(0);
  }
  const auto read_id = [&](const char* key, std::uint32_t& id) {
    const auto member = object.find(key);
    const auto number = member ? member->as_uint(kMaxId) : std::optional<std::uint64_t>(id);
    good = good && number;
    id = static_cast<std::uint32_t>(number.value_or(0));
  };
  const auto read_switch = [&](const char* key, bool& on) {
    const auto member = object.find(key);
    const auto value = member ? member->as_bool() : std::optional(on);
    good = good && value;
    on = value.value_or(false);
  };
  read_id("uid", mount.uid);
  read_id("gid", mount.gid);
  read_switch("exec", mount.exec);
  read_switch("suid", mount.suid);
  return good ? std::optional(std::move(mount)) : std::nullopt;
}

}  // namespace

std::optional<IsolatorValue> read_tmpfs(const JsonNode& node) {
  schema::TmpfsMounts value;
  bool good = node.raw().is_array();
  node.each([&](const JsonNode& element) {
    auto mount = read_tmpfs_mount(element);
    good = good && mount;
    if (mount) value.mounts.push_back(*std::move(mount));
  });
  if (!good) return std::nullopt;
  return value;
}

Json write_tmpfs(const IsolatorValue& value) {
  const auto* tmpfs = std::get_if<schema::TmpfsMounts>(&value);
  if (tmpfs == nullptr) return nullptr;
  auto array = Json::array();
  for (const TmpfsMount& mount : tmpfs->mounts) {
    json::ObjectWriter object;
    object.add("path", mount.path);
    if (mount.size) object.add("size", *mount.size);
    object.add("mode", fmt::format("{:04o}", mount.mode));
    object.add("uid", mount.uid);
    object.add("gid", mount.gid);
    object.add("exec", mount.exec);
    object.add("suid", mount.suid);
    array.push_back(object.take());
  }
  return array;
}

std::optional<IsolatorValue> read_shm_size(const JsonNode& node) {
  const auto size = read_size(node);
  if (!size) return std::nullopt;
  return schema::ShmSize{*size};
}

Json write_shm_size(const IsolatorValue& value) {
  const auto* size = std::get_if<schema::ShmSize>(&value);
  return size == nullptr ? Json() : Json(size->bytes);
}

std::optional<IsolatorValue> read_sysctls(const JsonNode& node) {
  schema::Sysctls sysctls;
  bool good = node.is_object();
  node.each_member([&](const std::string& name, const JsonNode& member) {
    auto text = json::read_non_empty(member);
    const auto path = sysctl_path(name);
    if (!path) member.complain(path.error().to_string());
    good = good && text && path;
    if (text) sysctls.values.emplace(name, *std::move(text));
  });
  if (!good) return std::nullopt;
  return sysctls;
}

Json write_sysctls(const IsolatorValue& value) {
  const auto* sysctls = std::get_if<schema::Sysctls>(&value);
  if (sysctls == nullptr) return nullptr;
  json::ObjectWriter object;
  for (const auto& [name, setting] : sysctls->values) object.add(name, setting);
  return object.take();
}

}  // namespace agena::isolators
