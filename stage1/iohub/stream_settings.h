// What the hub has to know of an app: where its streams lead and where its lines go, as the pod manifest
// says.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/app_io.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

struct StreamSettings {
  std::string app;
  std::string image;  // its name, or else its id
  std::string pod_uuid;
  schema::AppIo io;
  bool interactive = false;  // on the caller's terminal
  bool journal = false;      // lines go to the host's journal, if it has one
  bool console = true;       // lines are shown on the console even if they go to the journal
  // Log file for Kubernetes: a directory of the host and a path below it; the path is empty if there is none.
  std::string kubernetes_dir;
  std::string kubernetes_path;

  // Whether `attach` can do anything here.
  bool attachable() const;
};

// One entry per app, in the manifest's order. `console_is_journal`: what is printed on the console is in the
// host's journal already.
Result<std::vector<StreamSettings>> stream_settings(const Pod& pod, bool console_is_journal);

}  // namespace agena::stage1
