#include "stage0/pod/list.h"

#include "stage0/pod/pod.h"

namespace agena::stage0 {

Result<std::vector<PodInfo>> list_pods(const Engine& engine, const PodInfoOptions& options) {
  const Pods pods = TRY(Pods::open(engine.data_dir));
  std::vector<PodInfo> list;
  for (const PodRef& ref : TRY(scan_pods(pods, visible_phases()))) {
    auto pod = Pod::open_in(pods, ref.directory, ref.uuid);
    // It moved on since the scan.
    if (!pod && pod.error().kind() == ErrorKind::kNotFound) pod = Pod::open(pods, ref.uuid);
    if (!pod && pod.error().kind() == ErrorKind::kNotFound) continue;
    if (!pod) {
      PodInfo broken(ref.uuid);
      broken.state = contract::state_of(ref.directory, false);
      broken.problems.push_back(std::move(pod).error().with_context("pod '" + ref.uuid.str() + "'"));
      list.push_back(std::move(broken));
      continue;
    }
    auto info = read_pod_info(*pod, options);
    if (info) {
      list.push_back(*std::move(info));
    } else if (info.error().kind() != ErrorKind::kNotFound) {
      PodInfo broken(ref.uuid);
      broken.state = contract::state_of(pod->directory(), false);
      broken.problems.push_back(std::move(info).error().with_context("pod '" + ref.uuid.str() + "'"));
      list.push_back(std::move(broken));
    }
  }
  return list;
}

}  // namespace agena::stage0
