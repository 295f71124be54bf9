#include "stage0/pod/choose_app.h"

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"

namespace agena::stage0 {

Result<schema::PodManifest> read_pod_manifest(const Pod& pod) {
  return codec::parse_pod_manifest(TRY(sys::read_file(pod.dir(), contract::pod_paths::kManifest)));
}

Result<std::string> choose_app(const schema::PodManifest& manifest, const std::string& wanted,
                               std::string_view command) {
  if (!wanted.empty()) {
    if (schema::find_app(manifest, wanted) != nullptr) return wanted;
    return fail(ErrorKind::kInvalidInput, "the pod has no app '{}'", printable(wanted));
  }
  if (manifest.apps.empty()) return fail(ErrorKind::kInvalidInput, "the pod has no apps");
  if (manifest.apps.size() == 1) return manifest.apps.front().name.str();
  std::vector<std::string> names;
  for (const schema::RuntimeApp& app : manifest.apps) names.push_back(app.name.str());
  return fail(ErrorKind::kInvalidInput, "specify app using \"{} --app=\": the pod has the apps {}", command,
              join(names, ", "));
}

}  // namespace agena::stage0
