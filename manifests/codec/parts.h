// The smaller parts of manifests as JSON: labels, annotations, string maps, volumes, mounts, ports. Internal
// to the codecs. A read_* function of a faulty value complains at its node and returns nullopt, or what could
// be read.
#pragma once

#include <optional>

#include "common/base/json_node.h"
#include "manifests/schema/app.h"
#include "manifests/schema/labels.h"
#include "manifests/schema/port.h"
#include "manifests/schema/volume.h"

namespace agena::codec {

schema::Labels read_labels(const JsonNode& node);
json_text::Json labels_json(const schema::Labels& labels);

schema::Annotations read_annotations(const JsonNode& node);
json_text::Json annotations_json(const schema::Annotations& annotations);

schema::StringMap read_string_map(const JsonNode& node);
json_text::Json string_map_json(const schema::StringMap& map);

std::optional<schema::MountPoint> read_mount_point(const JsonNode& node);
Result<json_text::Json> mount_point_json(const schema::MountPoint& mount_point);

std::optional<schema::Volume> read_volume(const JsonNode& node);
Result<json_text::Json> volume_json(const schema::Volume& volume);

std::optional<schema::Mount> read_mount(const JsonNode& node);
Result<json_text::Json> mount_json(const schema::Mount& mount);

std::optional<schema::Port> read_port(const JsonNode& node);
Result<json_text::Json> port_json(const schema::Port& port);

std::optional<schema::ExposedPort> read_exposed_port(const JsonNode& node);
Result<json_text::Json> exposed_port_json(const schema::ExposedPort& port);

}  // namespace agena::codec
