#include "stage0/pod/delete_pod.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "stage0/metadata/mds_client.h"
#include "stage0/pod/pod_name.h"
#include "stage0/stage1_client/stage1_exec.h"

namespace agena::stage0 {
namespace paths = contract::pod_paths;

Result<> call_gc_entrypoint(const Engine& engine, const Pod& pod, std::optional<Nanoseconds> at_most) {
  Stage1Call call{contract::Entrypoint::kGc, {}, at_most};
  if (engine.debug) call.arguments.options.emplace("debug", "true");
  if (!engine.local_config_dir.empty())
    call.arguments.options.emplace("local-config", engine.local_config_dir);
  call.arguments.operands = {pod.uuid().str()};
  const auto status = TRY(call_stage1(engine.data_dir, pod.dir(), call));
  if (status.success()) return {};
  return fail(ErrorKind::kSystem, "the gc entrypoint of stage1 {} {}",
              status.signalled ? "was killed by signal" : "failed with code", status.value);
}

namespace {

Result<bool> has_network_records(const Pod& pod) {
  const auto files = sys::list_dir(pod.dir(), paths::kNetRecords);
  if (!files && files.error().sys_errno() == ENOENT) return false;
  if (!files) return std::unexpected(files.error());
  return std::ranges::any_of(*files, [](const std::string& name) { return name.ends_with(".json"); });
}

// Whether the pod's files were still on their way to the disk when the power went: they are there then, and
// empty. Nothing of such a pod runs or is mounted any more, and its stage1 cannot be called.
Result<bool> was_lost_in_power_cut(const Pod& pod) {
  for (const char* path : {paths::kManifest, paths::kStage1Manifest, paths::kStage1Layers}) {
    struct stat st{};
    if (::fstatat(pod.dir().get(), path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
      if (st.st_size == 0) return true;
    } else if (errno != ENOENT) {
      return sys_fail("reading attributes of '{}'", path);
    }
  }
  return false;
}

Error keep_for_networks(const Error& why) {
  return Error(why)
      .with_context("it is kept, because its networks could not be taken down")
      .with_hint(fmt::format("gc tries again; what is left is on record in '{}' of the pod directory",
                             paths::kNetRecords));
}

}  // namespace

Result<> delete_pod(const Engine& engine, const Pods& pods, const Pod& pod, ErrorList& errors) {
  const std::string context = "pod '" + pod.uuid().str() + "'";
  // The manifest of stage1 goes with the first step of deleting: without it, gc has been called before.
  if (pod.directory() == PodDirectory::kExitedGarbage &&
      TRY(sys::exists(pod.dir(), paths::kStage1Manifest)) && !TRY(was_lost_in_power_cut(pod))) {
    auto called = call_gc_entrypoint(engine, pod);
    // The records of networks that are still there are the only way to get rid of them.
    if (!called && TRY(has_network_records(pod))) return std::unexpected(keep_for_networks(called.error()));
    if (!called) errors.add(std::move(called).error().with_context(context));
  }
  if (auto done = unregister_pod(engine.metadata_socket, pod.uuid(), pod.dir()); !done)
    errors.add(std::move(done).error().with_context(context));
  TRY(free_pod_name(pods, pod));
  TRY(sys::remove_file(pod.dir(), paths::kStage1Manifest));
  TRY(sys::remove_tree(pod.dir(), paths::kStage1Root));
  TRY(sys::remove_tree(pod.dir(), paths::kStage1));
  return sys::remove_tree(pods.dir(), Pods::path_of(pod.directory(), pod.uuid()));
}

}  // namespace agena::stage0
