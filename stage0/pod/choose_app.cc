#include "stage0/pod/choose_app.h"

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"

namespace agena::stage0 {

Result<schema::PodManifest> read_pod_manifest(const Pod& pod) {
  return codec::parse_pod_manifest(TRY(sys::read_file(pod.dir(), contract::pod_paths::kManifest)));
}

Error no_such_app(std::string_view app, const std::vector<std::string>& names) {
  Error error(ErrorKind::kNotFound, fmt::format("the pod has no app '{}', only {}", printable(app),
                                                names.empty() ? "none at all" : join(names, ", ")));
  const std::string best = closest(app, names);
  return best.empty() ? error : std::move(error).with_hint(fmt::format("did you mean '{}'?", best));
}

Result<std::string> choose_app(const schema::PodManifest& manifest, const std::string& wanted,
                               std::string_view command) {
  if (!wanted.empty() && schema::find_app(manifest, wanted) != nullptr) return wanted;
  std::vector<std::string> names;
  for (const schema::RuntimeApp& app : manifest.apps) names.push_back(app.name.str());
  if (!wanted.empty()) return std::unexpected(no_such_app(wanted, names));
  if (names.empty()) return fail(ErrorKind::kInvalidInput, "the pod has no apps");
  if (names.size() == 1) return names.front();
  return fail(ErrorKind::kInvalidInput, "specify app using \"{} --app=\": the pod has the apps {}", command,
              join(names, ", "));
}

}  // namespace agena::stage0
