#include "stage0/pod/start_again.h"

#include <signal.h>

#include <array>
#include <optional>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/contract/app_life_file.h"
#include "common/contract/exit_codes.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/fs.h"
#include "common/sys/user_namespace.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/metadata/mds_client.h"
#include "stage0/pod/delete_pod.h"
#include "stage0/pod/mutable_pod.h"
#include "stage0/pod/pod_files.h"
#include "stage0/pod/private_users.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;
using json_text::Json;

// In the pod directory.
constexpr std::array kOfTheLastLife = {paths::kSubcgroup, paths::kFlavor, paths::kNetInfo, paths::kControl};
// Of these, what leads to processes: by now somebody else's. Whoever looks takes them for the running pod's,
// since the lock is held.
constexpr std::array kProcesses = {paths::kPpid, paths::kPid, paths::kPgid};

// The kernel notes in the work directory of a volatile overlay that it may not be mounted again (after a
// crash of the machine its upper layer may lack what was not synced; a pod's files are then as those of any
// crashed program).
Result<> renew_work(const sys::DirFd& pod, const std::string& work) {
  TRY(sys::remove_tree(pod, work));
  return sys::make_dir(pod, work, 0700);
}

Result<> renew_overlays(const sys::DirFd& pod, const schema::PodManifest& manifest) {
  if (!TRY(sys::exists(pod, paths::kOverlayPrepared))) return {};
  TRY(renew_work(pod, paths::kStage1Work));
  for (const schema::RuntimeApp& app : manifest.apps) TRY(renew_work(pod, paths::app_work(app.name.str())));
  return {};
}

// Apps that start with the pod begin anew.
Result<> forget_apps(const sys::DirFd& root) {
  for (const char* name : {paths::kStatusDir, paths::kLifeDir, paths::kEnvDir})
    TRY(sys::remove_tree(root, name));
  return sys::make_dir(root, paths::kStatusDir);
}

// Apps of a mutable pod stay what they are, until somebody starts them: ended. Of those that were killed with
// the pod nobody has recorded that.
Result<> end_apps(const sys::DirFd& root, const schema::PodManifest& manifest) {
  for (const schema::RuntimeApp& app : manifest.apps) {
    const std::string& name = app.name.str();
    auto life = TRY(contract::read_app_life(root, name));
    if (!life || !life->started_at || TRY(contract::read_app_status(root, name))) continue;
    life->last_exit_code = contract::exit_code_of_signal(SIGKILL);
    life->last_signal = "SIGKILL";
    life->last_exit_at.reset();  // nobody knows
    life->restart_at.reset();
    TRY(contract::write_app_life(root, name, *life));
    TRY(contract::write_app_status(root, name, *life->last_exit_code));
  }
  return {};
}

}  // namespace

Result<> clear_last_life(const Engine& engine, const Pod& pod) {
  // First what readers take for a fact of a pod that runs.
  const sys::DirFd root = TRY(open_status_root(pod.dir()));
  TRY(sys::remove_file(root, paths::kSupervisorStatus));
  for (const char* name : kProcesses) TRY(sys::remove_file(pod.dir(), name));
  // What the pod left outside its directory: a supervisor that was killed could not do that.
  TRY(call_gc_entrypoint(engine, pod));
  TRY(unregister_pod(engine.metadata_socket, pod.uuid(), pod.dir()));
  for (const char* name : kOfTheLastLife) TRY(sys::remove_file(pod.dir(), name));
  const auto manifest = TRY(codec::parse_pod_manifest(TRY(sys::read_file(pod.dir(), paths::kManifest))));
  {
    std::optional<sys::FileOwner> owner;
    if (const auto ids = TRY(read_private_users(pod.dir()))) owner.emplace(TRY(sys::FileOwner::become(*ids)));
    if (is_mutable_pod(manifest))
      TRY(end_apps(root, manifest));
    else
      TRY(forget_apps(root));
  }
  return renew_overlays(pod.dir(), manifest);
}

Result<std::vector<std::string>> read_launch_flags(const sys::DirFd& pod) {
  std::vector<std::string> flags;
  const auto text = sys::read_file(pod, paths::kLaunchFlags);
  if (!text && text.error().sys_errno() == ENOENT) return flags;
  if (!text) return std::unexpected(text.error());
  // Its writer was killed, in an older version.
  if (text->empty()) return flags;
  const Json json = TRY_CTX(json_text::parse(*text), "file '{}'", paths::kLaunchFlags);
  JsonProblems problems(paths::kLaunchFlags);
  JsonNode(json, problems).each([&](const JsonNode& element) {
    flags.push_back(element.as_string().value_or(""));
  });
  TRY(problems.to_result());
  return flags;
}

Result<> keep_launch_flags(const sys::DirFd& pod, const std::vector<std::string>& flags) {
  if (flags.empty()) return sys::remove_file(pod, paths::kLaunchFlags);
  const Json list = flags;
  return sys::replace_file(pod, paths::kLaunchFlags, TRY(json_text::dump(list)), 0640);
}

}  // namespace agena::stage0
