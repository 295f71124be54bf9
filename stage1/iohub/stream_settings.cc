#include "stage1/iohub/stream_settings.h"

#include "common/base/strings.h"
#include "manifests/schema/annotations.h"

namespace agena::stage1 {
namespace {

namespace names = schema::annotation;

constexpr const char* kKubernetesMode = "k8s-plain";

// Empty without Kubernetes' log mode.
Result<std::string> kubernetes_dir(const schema::PodManifest& manifest) {
  const std::string* mode = manifest.annotations.find(names::kLogMode);
  if (mode == nullptr) return std::string();
  if (*mode != kKubernetesMode)
    return fail(ErrorKind::kUnsupported, "annotation {}: unknown log mode '{}' ({} is known)",
                names::kLogMode, printable(*mode), kKubernetesMode);
  const std::string* dir = manifest.annotations.find(names::kKubernetesLogDir);
  if (dir == nullptr || !dir->starts_with('/'))
    return fail(ErrorKind::kInvalidInput, "annotation {}: an absolute path is needed with log mode {}",
                names::kKubernetesLogDir, kKubernetesMode);
  return *dir;
}

}  // namespace

bool StreamSettings::attachable() const {
  const auto joined = [](schema::OutputMode mode) {
    return mode == schema::OutputMode::kStream || mode == schema::OutputMode::kTty;
  };
  return !interactive && (io.input != schema::InputMode::kNull || joined(io.output) || joined(io.error));
}

Result<std::vector<StreamSettings>> stream_settings(const Pod& pod, bool console_is_journal) {
  const std::string directory = TRY(kubernetes_dir(pod.manifest));
  std::vector<StreamSettings> all;
  for (const PodApp& app : pod.apps) {
    const schema::RuntimeImage& image = app.runtime.image;
    StreamSettings settings{
        .app = app.name(),
        .image = image.name ? image.name->str() : image.id.str(),
        .pod_uuid = pod.uuid.str(),
        .io = TRY_CTX(schema::read_app_io(app.runtime.annotations), "app '{}'", app.name()),
        .interactive = pod.options.interactive,
        .journal = false,
        .console = true,
        .kubernetes_dir = directory,
        .kubernetes_path = {}};
    const std::string* path = app.runtime.annotations.find(names::kKubernetesLogPath);
    if (path != nullptr && !directory.empty()) settings.kubernetes_path = *path;
    using Use = schema::AppIo::Journal;
    settings.journal =
        settings.io.journal == Use::kAlways || (settings.io.journal == Use::kAuto && !console_is_journal);
    settings.console = !console_is_journal;
    all.push_back(std::move(settings));
  }
  return all;
}

}  // namespace agena::stage1
