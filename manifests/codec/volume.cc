// Volumes, mount points and mounts.
#include <algorithm>
#include <array>

#include "common/base/table.h"
#include "manifests/codec/parts.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::codec {

using json::ObjectReader;
using json::ObjectWriter;
using json::read_absolute_path;
using json::read_text;
using json_text::Json;
using schema::AcName;
using schema::Volume;
using schema::VolumeKind;

namespace {

// Kernel: -1 stands for "no change" in chown(2) and is no id.
constexpr std::uint64_t kMaxId = UINT32_MAX - 1;

struct KindRow {
  std::string_view name;
  VolumeKind value;
};
constexpr std::array kKinds = {KindRow{"empty", VolumeKind::kEmpty}, KindRow{"host", VolumeKind::kHost}};
static_assert(sorted_by_name(kKinds));

struct PropagationRow {
  std::string_view name;
  schema::Propagation value;
};
constexpr std::array kPropagations = {PropagationRow{"private", schema::Propagation::kPrivate},
                                      PropagationRow{"shared", schema::Propagation::kShared},
                                      PropagationRow{"slave", schema::Propagation::kSlave}};
static_assert(sorted_by_name(kPropagations));

std::optional<VolumeKind> read_kind(const JsonNode& node) {
  const auto text = node.as_string();
  if (!text) return std::nullopt;
  if (const auto* row = find_by_name(kKinds, *text)) return row->value;
  node.complain_expected("'empty' or 'host'");
  return std::nullopt;
}

// Reads mode and owner, which only an empty volume can have.
void read_permissions(ObjectReader& object, Volume& volume) {
  const auto allowed = [&](const std::optional<JsonNode>& node) {
    if (node && volume.kind != VolumeKind::kEmpty) node->complain("a host volume cannot have this");
    return node && volume.kind == VolumeKind::kEmpty;
  };
  if (const auto node = object.find("mode"); allowed(node))
    if (const auto mode = json::read_mode(*node)) volume.mode = *mode;
  if (const auto node = object.find("uid"); allowed(node))
    if (const auto id = node->as_uint(kMaxId)) volume.uid = static_cast<std::uint32_t>(*id);
  if (const auto node = object.find("gid"); allowed(node))
    if (const auto id = node->as_uint(kMaxId)) volume.gid = static_cast<std::uint32_t>(*id);
}

// "rwm" or a part of it, in any order.
std::optional<schema::DeviceAccess> read_device_access(const JsonNode& node) {
  const auto text = node.as_string();
  if (!text) return std::nullopt;
  const auto has = [&](char letter) { return text->find(letter) != std::string::npos; };
  const schema::DeviceAccess access{.read = has('r'), .write = has('w'), .mknod = has('m')};
  if (!text->empty() && text->size() == std::size_t{access.read} + access.write + access.mknod) return access;
  node.complain_expected("some of the letters r, w and m, each once");
  return std::nullopt;
}

std::string device_access_text(const schema::DeviceAccess& access) {
  return std::string(access.read ? "r" : "") + (access.write ? "w" : "") + (access.mknod ? "m" : "");
}

// What is mounted below a read-only volume later would be writable.
std::optional<schema::Propagation> read_propagation(const JsonNode& node, bool read_only) {
  const auto text = node.as_string();
  if (!text) return std::nullopt;
  const auto* row = find_by_name(kPropagations, *text);
  if (row == nullptr) {
    node.complain_expected("'private', 'slave' or 'shared'");
    return std::nullopt;
  }
  if (read_only && row->value != schema::Propagation::kPrivate) {
    node.complain("a read-only volume can only be private");
    return std::nullopt;
  }
  return row->value;
}

// Members that are not appc's and that only a host volume can have; other readers ignore them.
void read_host_extensions(ObjectReader& object, Volume& volume) {
  const auto allowed = [&](const std::optional<JsonNode>& node) {
    if (node && volume.kind != VolumeKind::kHost) node->complain("only a host volume can have this");
    return node && volume.kind == VolumeKind::kHost;
  };
  if (const auto node = object.find("propagation"); allowed(node))
    volume.propagation = read_propagation(*node, volume.read_only.value_or(false));
  if (const auto node = object.find("idmap"); allowed(node)) volume.map_ids = node->as_bool().value_or(false);
  if (const auto node = object.find("deviceAccess"); allowed(node))
    volume.device_access = read_device_access(*node);
}

void read_source(const JsonNode& volume_node, ObjectReader& object, Volume& volume) {
  const auto node = object.find("source");
  if (volume.kind == VolumeKind::kHost) {
    if (!node) volume_node.complain("missing 'source', which a host volume needs");
    if (auto source = node ? read_absolute_path(*node) : std::nullopt) volume.source = *std::move(source);
  } else if (auto source = node ? read_text(*node) : std::nullopt; source && !source->empty()) {
    node->complain("an empty volume cannot have a source");
  }
}

}  // namespace

std::optional<schema::MountPoint> read_mount_point(const JsonNode& node) {
  ObjectReader object(node);
  const auto name_node = object.require("name");
  const auto path_node = object.require("path");
  const auto read_only = object.find("readOnly");
  auto name = name_node ? name_node->parsed(AcName::parse) : std::nullopt;
  auto path = path_node ? read_absolute_path(*path_node) : std::nullopt;
  const bool is_read_only = read_only && read_only->as_bool().value_or(false);
  if (!name || !path) return std::nullopt;
  return schema::MountPoint{*std::move(name), *std::move(path), is_read_only, object.extra()};
}

Result<Json> mount_point_json(const schema::MountPoint& mount_point) {
  ObjectWriter object;
  object.add("name", mount_point.name.str());
  object.add("path", mount_point.path);
  if (mount_point.read_only) object.add("readOnly", true);
  TRY(object.add_extra(mount_point.extra));
  return object.take();
}

std::optional<Volume> read_volume(const JsonNode& node) {
  ObjectReader object(node);
  const auto name_node = object.require("name");
  const auto kind_node = object.require("kind");
  auto name = name_node ? name_node->parsed(AcName::parse) : std::nullopt;
  const auto kind = kind_node ? read_kind(*kind_node) : std::nullopt;
  if (!name || !kind) return std::nullopt;
  Volume volume{.name = *std::move(name), .kind = *kind};
  read_source(node, object, volume);
  if (const auto read_only = object.find("readOnly")) volume.read_only = read_only->as_bool();
  if (const auto recursive = object.find("recursive")) volume.recursive = recursive->as_bool();
  read_permissions(object, volume);
  read_host_extensions(object, volume);
  volume.extra = object.extra();
  return volume;
}

Result<Json> volume_json(const Volume& volume) {
  ObjectWriter object;
  object.add("name", volume.name.str());
  object.add("kind", std::string(row_for(kKinds, volume.kind).name));
  if (!volume.source.empty()) object.add("source", volume.source);
  if (volume.read_only) object.add("readOnly", *volume.read_only);
  if (volume.recursive) object.add("recursive", *volume.recursive);
  if (volume.kind == VolumeKind::kEmpty) {
    object.add("mode", fmt::format("{:04o}", volume.mode));
    object.add("uid", volume.uid);
    object.add("gid", volume.gid);
  }
  if (volume.propagation)
    object.add("propagation", std::string(row_for(kPropagations, *volume.propagation).name));
  if (volume.map_ids) object.add("idmap", true);
  if (volume.device_access) object.add("deviceAccess", device_access_text(*volume.device_access));
  TRY(object.add_extra(volume.extra));
  return object.take();
}

std::optional<schema::Mount> read_mount(const JsonNode& node) {
  ObjectReader object(node);
  const auto volume_node = object.require("volume");
  const auto path_node = object.require("path");
  const auto app_volume_node = object.find("appVolume");
  auto volume = volume_node ? volume_node->parsed(AcName::parse) : std::nullopt;
  auto path = path_node ? read_absolute_path(*path_node) : std::nullopt;
  auto app_volume = app_volume_node ? read_volume(*app_volume_node) : std::nullopt;
  if (!volume || !path) return std::nullopt;
  return schema::Mount{*std::move(volume), *std::move(path), std::move(app_volume), object.extra()};
}

Result<Json> mount_json(const schema::Mount& mount) {
  ObjectWriter object;
  object.add("volume", mount.volume.str());
  object.add("path", mount.path);
  if (mount.app_volume) object.add("appVolume", TRY(volume_json(*mount.app_volume)));
  TRY(object.add_extra(mount.extra));
  return object.take();
}

}  // namespace agena::codec
