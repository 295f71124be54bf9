#include "common/stage2/pod_app.h"

#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/signals.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/schema/annotations.h"

namespace agena::stage2 {

Result<PodApp> load_pod_app(const sys::DirFd& pod_dir, schema::RuntimeApp runtime) {
  const std::string path = contract::pod_paths::app_image_manifest(runtime.name.str());
  const std::string text = TRY(sys::read_file(pod_dir, path));
  const auto image = TRY_CTX(codec::parse_image_manifest(text), "file '{}'", path);
  if (!runtime.app && !image.app)
    return fail(ErrorKind::kInvalidInput, "neither the pod nor the image says what to run in app '{}'",
                runtime.name.str());
  auto life = TRY(life::read_app_life(runtime.annotations, image.annotations));
  if (!life.stop_signal.empty())
    life.stop_signal = sys::signal_text(
        TRY_CTX(sys::parse_signal(life.stop_signal), "annotation '{}'", schema::annotation::kStopSignal));
  PodApp app{std::move(runtime), {}, image.annotations.find(kDockerAnnotation) != nullptr, std::move(life)};
  app.app = app.runtime.app ? *app.runtime.app : *image.app;
  return app;
}

Result<std::vector<AppMount>> mounts_of_app(const schema::PodManifest& pod, const PodApp& app) {
  auto mounts = TRY(resolve_app_mounts(pod, app.runtime, app.app));
  for (AppMount& mount : mounts) mount.with_content = mount.implicit && app.docker_rules;
  return mounts;
}

namespace {

struct SourceRow {
  std::string_view name;
  ConfSource value;
};
constexpr std::array kSources = {
    SourceRow{"default", ConfSource::kDefault},
    SourceRow{"host", ConfSource::kHost},
    SourceRow{"none", ConfSource::kNone},
    SourceRow{"stage0", ConfSource::kStage0},
};
static_assert(sorted_by_name(kSources));

}  // namespace

Result<DnsMode> parse_dns_mode(std::string_view text) {
  DnsMode mode;
  if (text.empty()) return mode;
  for (const std::string& part : split(text, ',')) {
    const Cut setting = cut(part, '=');
    const SourceRow* row = find_by_name(kSources, setting.after);
    const bool resolv = setting.before == "resolv";
    const bool hosts = setting.before == "hosts";
    if (row == nullptr || (!resolv && !hosts) || (hosts && row->value == ConfSource::kNone))
      return fail(ErrorKind::kInvalidInput, "--dns-conf-mode: cannot understand '{}'", printable(part));
    (resolv ? mode.resolv_conf : mode.hosts) = row->value;
  }
  return mode;
}

}  // namespace agena::stage2
