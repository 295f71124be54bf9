// The `app` section of an image manifest, and of an app in a pod manifest: how the program is run.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "manifests/schema/extra.h"
#include "manifests/schema/isolator.h"
#include "manifests/schema/port.h"
#include "manifests/schema/volume.h"

namespace agena::schema {

// One variable; lists keep the order of the document, and of two with one name the last counts.
struct EnvironmentVariable {
  std::string name = {};  // not empty, without '='
  std::string value = {};
  bool operator==(const EnvironmentVariable&) const = default;
};

enum class AppEvent { kPreStart, kPostStop };

// A program run at an event of the app; at most one per event.
struct EventHandler {
  AppEvent event;
  std::vector<std::string> exec = {};
  Extra extra = {};
  bool operator==(const EventHandler&) const = default;
};

using StringMap = std::map<std::string, std::string, std::less<>>;

struct App {
  std::vector<std::string> exec = {};  // may be empty in an image; running needs a program
  std::string user = {};               // number, name, or absolute path whose owner is meant; not empty
  std::string group = {};
  std::vector<std::uint32_t> supplementary_gids = {};
  std::vector<EventHandler> event_handlers = {};
  std::string working_directory = {};  // absolute, or empty for "/"
  std::vector<EnvironmentVariable> environment = {};
  std::vector<MountPoint> mount_points = {};
  std::vector<Port> ports = {};
  std::vector<Isolator> isolators = {};
  StringMap user_annotations = {};
  StringMap user_labels = {};
  Extra extra = {};
  bool operator==(const App&) const = default;
};

// The handler of an event, or nullptr.
const EventHandler* find_event_handler(const App& app, AppEvent event);
// The isolator that counts: the last of its kind, or nullptr.
const Isolator* find_isolator(const std::vector<Isolator>& isolators, IsolatorKind kind);

}  // namespace agena::schema
