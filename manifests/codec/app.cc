#include "manifests/codec/app.h"

#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "manifests/codec/parts.h"
#include "manifests/isolators/isolator_json.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::codec {

using json::ObjectReader;
using json::ObjectWriter;
using json::read_non_empty;
using json::read_text;
using json::read_texts;
using json::UniqueNames;
using json::write_array;
using json_text::Json;
using schema::App;
using schema::AppEvent;

namespace {

// Kernel: -1 stands for "no change" and is no group.
constexpr std::uint64_t kMaxGid = UINT32_MAX - 1;

struct EventRow {
  std::string_view name;
  AppEvent value;
};
constexpr std::array kEvents = {EventRow{"post-stop", AppEvent::kPostStop},
                                EventRow{"pre-start", AppEvent::kPreStart}};
static_assert(sorted_by_name(kEvents));

// Program and arguments; the program's name, if there is one, is not empty.
std::vector<std::string> read_exec(const JsonNode& node) {
  auto exec = read_texts(node);
  if (!exec.empty() && exec.front().empty()) node.complain("the program's name must not be empty");
  return exec;
}

std::optional<schema::EventHandler> read_event_handler(const JsonNode& node, UniqueNames& names) {
  ObjectReader object(node);
  const auto name_node = object.require("name");
  const auto exec_node = object.require("exec");
  auto exec = exec_node ? read_exec(*exec_node) : std::vector<std::string>{};
  if (exec_node && exec_node->raw().is_array() && exec_node->raw().empty())
    exec_node->complain("must name a program");
  const auto name = name_node ? name_node->as_string() : std::nullopt;
  if (!name) return std::nullopt;
  const auto* row = find_by_name(kEvents, *name);
  if (row == nullptr) {
    name_node->complain_expected("'pre-start' or 'post-stop'");
    return std::nullopt;
  }
  if (!names.add(*name_node, *name)) return std::nullopt;
  return schema::EventHandler{row->value, std::move(exec), object.extra()};
}

// Any name that execve(2) can carry: appc wants [A-Za-z_][A-Za-z0-9_]*, but images of other formats, whose
// manifests we derive, use dots, dashes and more, and such variables do no harm.
std::optional<schema::EnvironmentVariable> read_variable(const JsonNode& node) {
  ObjectReader object(node);
  const auto name_node = object.require("name");
  const auto value_node = object.require("value");
  object.no_extra();  // "The listed objects must have two key-value pairs"
  auto name = name_node ? read_non_empty(*name_node) : std::nullopt;
  auto value = value_node ? read_text(*value_node) : std::nullopt;
  if (name && name->find('=') != std::string::npos) {
    name_node->complain_expected("a variable's name, which has no '='");
    return std::nullopt;
  }
  if (!name || !value) return std::nullopt;
  return schema::EnvironmentVariable{*std::move(name), *std::move(value)};
}

// A list of objects whose names are unique.
template <class Item>
void read_named_list(const std::optional<JsonNode>& node, std::string_view what,
                     std::optional<Item> (*read)(const JsonNode&), std::vector<Item>& items) {
  if (!node) return;
  UniqueNames names(what);
  node->each([&](const JsonNode& element) {
    auto item = read(element);
    if (item && names.add(element, item->name.str())) items.push_back(*std::move(item));
  });
}

void read_identity(ObjectReader& object, App& app) {
  if (const auto node = object.require("user"))
    if (auto user = read_non_empty(*node)) app.user = *std::move(user);
  if (const auto node = object.require("group"))
    if (auto group = read_non_empty(*node)) app.group = *std::move(group);
  if (const auto node = object.find("supplementaryGIDs"))
    node->each([&](const JsonNode& element) {
      if (const auto gid = element.as_uint(kMaxGid))
        app.supplementary_gids.push_back(static_cast<std::uint32_t>(*gid));
    });
}

void read_process(ObjectReader& object, App& app) {
  if (const auto node = object.find("exec")) app.exec = read_exec(*node);
  if (const auto node = object.find("eventHandlers")) {
    UniqueNames names("event handler");
    node->each([&](const JsonNode& element) {
      if (auto handler = read_event_handler(element, names))
        app.event_handlers.push_back(*std::move(handler));
    });
  }
  if (const auto node = object.find("workingDirectory")) {
    auto path = read_text(*node);  // empty where some tools have none
    if (path && !path->empty() && !path->starts_with('/')) node->complain_expected("an absolute path");
    if (path) app.working_directory = *std::move(path);
  }
  if (const auto node = object.find("environment"))
    node->each([&](const JsonNode& element) {
      if (auto variable = read_variable(element)) app.environment.push_back(*std::move(variable));
    });
}

Json texts_json(const std::vector<std::string>& texts) {
  auto array = Json::array();
  for (const std::string& text : texts) array.push_back(text);
  return array;
}

Result<Json> event_handler_json(const schema::EventHandler& handler) {
  ObjectWriter object;
  object.add("name", std::string(row_for(kEvents, handler.event).name));
  object.add("exec", texts_json(handler.exec));
  TRY(object.add_extra(handler.extra));
  return object.take();
}

Result<Json> variable_json(const schema::EnvironmentVariable& variable) {
  ObjectWriter object;
  object.add("name", variable.name);
  object.add("value", variable.value);
  return object.take();
}

}  // namespace

std::optional<App> read_app(const JsonNode& node) {
  ObjectReader object(node);
  if (!object.is_object()) return std::nullopt;
  App app;
  read_process(object, app);
  read_identity(object, app);
  read_named_list(object.find("mountPoints"), "mount point name", read_mount_point, app.mount_points);
  read_named_list(object.find("ports"), "port name", read_port, app.ports);
  if (const auto isolators = object.find("isolators")) app.isolators = isolators::read_isolators(*isolators);
  if (const auto map = object.find("userAnnotations")) app.user_annotations = read_string_map(*map);
  if (const auto map = object.find("userLabels")) app.user_labels = read_string_map(*map);
  app.extra = object.extra();
  return app;
}

Result<Json> app_json(const App& app) {
  ObjectWriter object;
  object.add("exec", texts_json(app.exec));
  if (!app.event_handlers.empty())
    object.add("eventHandlers", TRY(write_array(app.event_handlers, event_handler_json)));
  object.add("user", app.user);
  object.add("group", app.group);
  if (!app.supplementary_gids.empty()) object.add("supplementaryGIDs", app.supplementary_gids);
  if (!app.working_directory.empty()) object.add("workingDirectory", app.working_directory);
  if (!app.environment.empty()) object.add("environment", TRY(write_array(app.environment, variable_json)));
  if (!app.mount_points.empty())
    object.add("mountPoints", TRY(write_array(app.mount_points, mount_point_json)));
  if (!app.ports.empty()) object.add("ports", TRY(write_array(app.ports, port_json)));
  if (!app.isolators.empty())
    object.add("isolators", TRY(write_array(app.isolators, isolators::isolator_json)));
  if (!app.user_annotations.empty()) object.add("userAnnotations", string_map_json(app.user_annotations));
  if (!app.user_labels.empty()) object.add("userLabels", string_map_json(app.user_labels));
  TRY(object.add_extra(app.extra));
  return object.take();
}

}  // namespace agena::codec
