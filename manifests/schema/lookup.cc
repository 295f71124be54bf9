// Small searches over the structs of the schema.
#include <algorithm>

#include "manifests/schema/app.h"
#include "manifests/schema/pod_manifest.h"

namespace agena::schema {

const EventHandler* find_event_handler(const App& app, AppEvent event) {
  auto it = std::ranges::find(app.event_handlers, event, &EventHandler::event);
  return it == app.event_handlers.end() ? nullptr : &*it;
}

const Isolator* find_isolator(const std::vector<Isolator>& isolators, IsolatorKind kind) {
  auto it = std::find_if(isolators.rbegin(), isolators.rend(),
                         [kind](const Isolator& isolator) { return isolator.kind == kind; });
  return it == isolators.rend() ? nullptr : &*it;
}

const RuntimeApp* find_app(const PodManifest& pod, std::string_view name) {
  auto it = std::ranges::find_if(pod.apps, [name](const RuntimeApp& app) { return app.name == name; });
  return it == pod.apps.end() ? nullptr : &*it;
}

const Volume* find_volume(const PodManifest& pod, std::string_view name) {
  auto it = std::ranges::find_if(pod.volumes, [name](const Volume& volume) { return volume.name == name; });
  return it == pod.volumes.end() ? nullptr : &*it;
}

}  // namespace agena::schema
