// A pod of one app, as stage1 has it after reading.
#pragma once

#include <string>

#include "manifests/codec/pod_manifest.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

inline Pod pod_of_one_app() {
  const std::string text =
      R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[{"name":"web","image":{"id":"sha512-)" +
      std::string(64, 'a') +
      R"(","name":"example.com/web"},"app":{"exec":["/bin/web"],"user":"33","group":"33"}}]})";
  auto manifest = codec::parse_pod_manifest(text).value();
  RunOptions options;
  options.hostname = "pod-host";
  Pod pod{Uuid::parse("11111111-2222-4333-8444-555555555555").value(), options, manifest, {}};
  PodApp app{.runtime = manifest.apps.at(0), .app = *manifest.apps.at(0).app};
  pod.apps.push_back(app);
  return pod;
}

}  // namespace agena::stage1
