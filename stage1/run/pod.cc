#include "stage1/run/pod.h"

#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/codec/pod_manifest.h"

namespace agena::stage1 {
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

// "resolv=R,hosts=H"
Result<> read_dns_mode(const std::string& text, RunOptions& options) {
  for (const std::string& part : split(text, ',')) {
    const Cut setting = cut(part, '=');
    const SourceRow* row = find_by_name(kSources, setting.after);
    const bool resolv = setting.before == "resolv";
    const bool hosts = setting.before == "hosts";
    if (row == nullptr || (!resolv && !hosts) || (hosts && row->value == ConfSource::kNone))
      return fail(ErrorKind::kInvalidInput, "--dns-conf-mode: cannot understand '{}'", printable(part));
    (resolv ? options.resolv_conf : options.hosts) = row->value;
  }
  return {};
}

struct NetworkRow {
  std::string_view name;
  Network value;
};
constexpr std::array kNetworks = {NetworkRow{"host", Network::kHost}, NetworkRow{"none", Network::kNone}};

Result<Network> read_network(std::string_view text) {
  if (const NetworkRow* row = find_by_name(kNetworks, text)) return row->value;
  return fail(ErrorKind::kUnsupported,
              "networks not found: {} (this stage1 offers the networks host and none)", printable(text));
}

struct IpcRow {
  std::string_view name;
  bool share;
};
constexpr std::array kIpcModes = {IpcRow{"", false}, IpcRow{"auto", false}, IpcRow{"parent", true},
                                  IpcRow{"private", false}};
static_assert(sorted_by_name(kIpcModes));

}  // namespace

Result<RunOptions> read_run_options(const contract::EntrypointCall& call, const Uuid& uuid) {
  for (const char* unsupported : {"private-users", "mutable"})
    if (!call.value(unsupported).empty() && call.value(unsupported) != "false")
      return fail(ErrorKind::kUnsupported, "--{} is not supported by this stage1", unsupported);
  RunOptions options;
  options.debug = call.flag("debug");
  options.interactive = call.flag("interactive");
  options.network = TRY(read_network(call.value("net", "none")));
  options.hostname = call.value("hostname", "rkt-" + uuid.str());
  if (const std::string mode = call.value("dns-conf-mode"); !mode.empty()) TRY(read_dns_mode(mode, options));
  options.restrict_capabilities = !call.flag("disable-capabilities-restriction");
  options.restrict_paths = !call.flag("disable-paths");
  const IpcRow* ipc = find_by_name(kIpcModes, call.value("ipc"));
  if (ipc == nullptr)
    return fail(ErrorKind::kInvalidInput, "unknown IPC mode '{}' (auto, private or parent)",
                printable(call.value("ipc")));
  options.share_ipc = ipc->share;
  return options;
}

namespace {

Result<PodApp> load_app(const sys::DirFd& pod_dir, schema::RuntimeApp runtime) {
  const std::string path = contract::pod_paths::app_image_manifest(runtime.name.str());
  const std::string text = TRY(sys::read_file(pod_dir, path));
  const auto image = TRY_CTX(codec::parse_image_manifest(text), "file '{}'", path);
  if (!runtime.app && !image.app)
    return fail(ErrorKind::kInvalidInput, "neither the pod nor the image says what to run in app '{}'",
                runtime.name.str());
  PodApp app{std::move(runtime), {}, false};
  app.app = app.runtime.app ? *app.runtime.app : *image.app;
  app.docker_rules = image.annotations.find(stage2::kDockerAnnotation) != nullptr;
  return app;
}

}  // namespace

Result<Pod> load_pod(const sys::DirFd& pod_dir, const contract::EntrypointCall& call) {
  Uuid uuid = TRY(Uuid::parse(call.operands.at(0)));
  RunOptions options = TRY(read_run_options(call, uuid));
  const std::string text = TRY(sys::read_file(pod_dir, contract::pod_paths::kManifest));
  Pod pod{std::move(uuid), std::move(options), TRY(codec::parse_pod_manifest(text)), {}};
  if (pod.manifest.apps.empty())
    return fail(ErrorKind::kInvalidInput, "pod must contain at least one application");
  if (pod.options.interactive && pod.manifest.apps.size() > 1)
    return fail(ErrorKind::kInvalidInput, "interactive option only supports one image");
  for (const schema::RuntimeApp& runtime : pod.manifest.apps)
    pod.apps.push_back(TRY_CTX(load_app(pod_dir, runtime), "app '{}'", runtime.name.str()));
  return pod;
}

Result<std::vector<stage2::AppMount>> mounts_of(const Pod& pod, const PodApp& app) {
  auto mounts = TRY(stage2::resolve_app_mounts(pod.manifest, app.runtime, app.app));
  if (app.docker_rules) std::erase_if(mounts, [](const stage2::AppMount& mount) { return mount.implicit; });
  return mounts;
}

}  // namespace agena::stage1
