#include "stage0/pod/layers_in_use.h"

#include <array>

#include "common/contract/pod_paths.h"
#include "stage0/pod/pod.h"
#include "stage0/tree/layers_file.h"

namespace agena::stage0 {

Result<std::set<LayerKey>> layers_in_use(const std::string& data_dir) {
  std::set<LayerKey> used;
  const Pods pods = TRY(Pods::open(data_dir));
  // In the order of life, so that a pod that moves on during the scan is met at least once.
  for (const auto& phase : contract::kPhases) {
    const std::array phases = {phase.value};
    for (const PodRef& ref : TRY(scan_pods(pods, phases))) {
      const auto pod = Pod::open_in(pods, phase.value, ref.uuid);
      if (!pod && pod.error().kind() == ErrorKind::kNotFound) continue;
      if (!pod) return std::unexpected(pod.error());
      const auto layers = read_layers_file(pod->dir(), contract::pod_paths::kLayers);
      // Not there: the pod is younger than the lock, or is being deleted.
      if (!layers && layers.error().sys_errno() == ENOENT) continue;
      if (!layers) return std::unexpected(Error(layers.error()).with_context("pod '" + ref.uuid.str() + "'"));
      used.insert(layers->begin(), layers->end());
    }
  }
  return used;
}

}  // namespace agena::stage0
