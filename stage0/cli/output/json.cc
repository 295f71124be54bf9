#include "stage0/cli/output/json.h"

#include "common/base/json_text.h"

namespace agena::stage0 {
namespace {

using Json = json_text::Json;

Result<std::string> dump(const Json& document, JsonStyle style) {
  return style == JsonStyle::kPretty ? json_text::dump_pretty(document) : json_text::dump(document);
}

Json to_json(const std::map<std::string, std::string>& map) {
  Json object = Json::object();
  for (const auto& [name, value] : map) object[name] = value;
  return object;
}

Json to_json(const NetInfo& net) {
  Json object = {{"netName", net.net_name},
                 {"netConf", net.net_conf},
                 {"pluginPath", net.plugin_path},
                 {"ifName", net.if_name},
                 {"ip", net.ip},
                 {"args", net.args},
                 {"mask", net.mask}};
  if (!net.addresses.empty()) object["ips"] = net.addresses;
  return object;
}

Json to_json(const MountInfo& mount) {
  return {{"name", mount.name},
          {"container_path", mount.container_path},
          {"host_path", mount.host_path},
          {"read_only", mount.read_only}};
}

// `element_json` is the to_json() of the elements.
template <class Element>
Json array_of(const std::vector<Element>& elements, Json (*element_json)(const Element&)) {
  Json array = Json::array();
  for (const Element& element : elements) array.push_back(element_json(element));
  return array;
}

// What there is to tell of restarts, readiness and health.
void add_life(Json& object, const contract::AppLifeStatus& life) {
  object["restarts"] = life.restarts;
  if (life.last_exit_code) object["last_exit_code"] = *life.last_exit_code;
  if (life.last_exit_at) object["last_exit_at"] = *life.last_exit_at;
  if (!life.last_signal.empty()) object["last_signal"] = life.last_signal;
  if (life.restart_at) object["restart_at"] = *life.restart_at;
  if (life.ready) object["ready"] = *life.ready;
  if (!life.status_text.empty()) object["status_text"] = life.status_text;
  if (!life.health) return;
  object["health"] = contract::to_string(*life.health);
  object["health_failures"] = life.health_failures;
  if (!life.health_output.empty()) object["health_output"] = life.health_output;
}

Json to_json(const AppInfo& app) {
  Json object = {{"name", app.name}, {"state", name_of(app.state)}};
  if (app.created_at) object["created_at"] = *app.created_at;
  if (app.started_at) object["started_at"] = *app.started_at;
  if (app.finished_at) object["finished_at"] = *app.finished_at;
  if (app.exit_code) object["exit_code"] = *app.exit_code;
  if (app.oom_kills > 0) object["oom_kills"] = app.oom_kills;
  if (app.life) add_life(object, *app.life);
  object["image_id"] = app.image_id;
  if (!app.mounts.empty()) object["mounts"] = array_of<MountInfo>(app.mounts, to_json);
  if (!app.user_annotations.empty()) object["user_annotations"] = to_json(app.user_annotations);
  if (!app.user_labels.empty()) object["user_labels"] = to_json(app.user_labels);
  return object;
}

Json to_json(const PodInfo& pod) {
  Json object = {{"name", pod.uuid.str()}, {"state", name_of(pod.state)}};
  if (!pod.name.empty()) object["pod_name"] = pod.name;
  if (pod.is_mutable) object["mutable"] = true;
  if (!pod.networks.empty()) object["networks"] = array_of<NetInfo>(pod.networks, to_json);
  if (!pod.apps.empty()) {
    Json names = Json::array();
    for (const AppInfo& app : pod.apps) names.push_back(app.name);
    object["app_names"] = std::move(names);
    object["apps"] = array_of<AppInfo>(pod.apps, to_json);
  }
  if (pod.created_at) object["created_at"] = *pod.created_at / kSecond;
  if (pod.started_at) object["started_at"] = *pod.started_at / kSecond;
  if (!pod.user_annotations.empty()) object["user_annotations"] = to_json(pod.user_annotations);
  if (!pod.user_labels.empty()) object["user_labels"] = to_json(pod.user_labels);
  return object;
}

Json to_json(const ImageRow& image) {
  return {{"id", image.id},
          {"name", image.name},
          {"import_time", image.import_time},
          {"last_used_time", image.last_used},
          {"size", image.size},
          {"names", image.names},
          {"format", image.format},
          {"digest", image.digest},
          {"unique_size", image.unique},
          {"shared_size", image.shared},
          {"layers", image.layers}};
}

}  // namespace

JsonStyle style_of_format(std::string_view format) {
  return format == "json-pretty" ? JsonStyle::kPretty : JsonStyle::kCompact;
}

Result<std::string> pod_json(const PodInfo& pod, JsonStyle style) { return dump(to_json(pod), style); }

Result<std::string> pods_json(const std::vector<PodInfo>& pods, JsonStyle style) {
  return dump(array_of<PodInfo>(pods, to_json), style);
}

Result<std::string> app_json(const AppInfo& app, JsonStyle style) { return dump(to_json(app), style); }

Result<std::string> apps_json(const std::vector<AppInfo>& apps, JsonStyle style) {
  return dump(array_of<AppInfo>(apps, to_json), style);
}

Result<std::string> images_json(const std::vector<ImageRow>& images, JsonStyle style) {
  return dump(array_of<ImageRow>(images, to_json), style);
}

Result<std::string> restyle_json(std::string_view document, JsonStyle style) {
  return dump(TRY(json_text::parse(document)), style);
}

}  // namespace agena::stage0
