#include "stage0/pod/pod_hint.h"

#include "common/base/strings.h"
#include "stage0/pod/choose_app.h"
#include "stage0/pod/pod_name.h"

namespace agena::stage0 {
namespace {

// What a user would call the pod.
std::string call_name(const Pod& pod) {
  const auto name = read_pod_name(pod.dir());
  return name && !name->empty() ? *name : pod.uuid().short_form();
}

bool has_app(const Pod& pod, std::string_view app) {
  const auto manifest = read_pod_manifest(pod);
  return manifest && schema::find_app(*manifest, std::string(app)) != nullptr;
}

}  // namespace

std::string hint_at_pods(const Pods& pods, std::string_view text) {
  const auto refs = scan_pods(pods, visible_phases());
  if (!refs || refs->empty()) return "there are no pods";
  std::vector<std::string> names;
  std::string owner;
  for (const PodRef& ref : *refs) {
    const auto pod = Pod::open_in(pods, ref.directory, ref.uuid);
    if (!pod) continue;
    if (owner.empty() && has_app(*pod, text)) owner = call_name(*pod);
    if (const auto name = read_pod_name(pod->dir()); name && !name->empty()) names.push_back(*name);
  }
  if (const std::string best = closest(text, names); !best.empty())
    return fmt::format("did you mean '{}'?", best);
  if (!owner.empty()) return fmt::format("'{}' is an app of pod '{}'", printable(text), owner);
  return "'list' shows the pods that there are";
}

}  // namespace agena::stage0
