#include "stage0/pod/attach.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "stage0/pod/choose_app.h"
#include "stage0/pod/pod_info.h"
#include "stage0/stage1_client/crossing.h"
#include "stage0/stage1_client/stage1_manifest.h"
#include "stage0/stage1_client/stage1_root.h"

namespace agena::stage0 {
namespace {

constexpr std::array<std::string_view, 3> kStreamModes = {"stdin", "stdout", "stderr"};
constexpr std::array<std::string_view, 2> kTerminalModes = {"tty-in", "tty-out"};

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string_view name_of(AttachRequest::Action action) {
  switch (action) {
    case AttachRequest::Action::kAll:
      return "auto-attach";
    case AttachRequest::Action::kSome:
      return "custom-attach";
    case AttachRequest::Action::kList:
      return "list";
  }
  return {};
}

contract::EntrypointCall render(const Engine& engine, const std::string& app, const AttachRequest& request) {
  contract::EntrypointCall call;
  call.options = {{"action", std::string(name_of(request.action))},
                  {"app", app},
                  {"debug", engine.debug ? "true" : "false"}};
  const auto set = [&](std::string_view name) {
    call.options.emplace(name, is_one_of(request.streams, name) ? "true" : "false");
  };
  std::ranges::for_each(kStreamModes, set);
  std::ranges::for_each(kTerminalModes, set);
  return call;
}

}  // namespace

Result<AttachRequest> parse_attach_mode(std::string_view mode) {
  AttachRequest request;
  if (mode == "auto") return request;
  if (mode == "list") {
    request.action = AttachRequest::Action::kList;
    return request;
  }
  request.action = AttachRequest::Action::kSome;
  bool streams = false;
  bool terminal = false;
  for (const std::string& name : split(mode, ',')) {
    if (!is_one_of(kStreamModes, name) && !is_one_of(kTerminalModes, name) && name != "tty")
      return fail(
          ErrorKind::kInvalidInput,
          "unknown mode '{}' (auto, list, or some of stdin, stdout, stderr, or of tty, tty-in, tty-out)",
          printable(name));
    streams = streams || is_one_of(kStreamModes, name);
    terminal = terminal || !is_one_of(kStreamModes, name);
    if (name == "tty")
      request.streams.insert(request.streams.end(), kTerminalModes.begin(), kTerminalModes.end());
    else
      request.streams.push_back(name);
  }
  if (streams && terminal)
    return fail(ErrorKind::kInvalidInput, "a terminal and single streams exclude each other");
  return request;
}

Result<Stage1Exec> attach_to_pod(const Engine& engine, Pod& pod, const AttachRequest& request) {
  if (TRY(pod.state()) != PodState::kRunning)
    return fail(ErrorKind::kInvalidInput, "pod \"{}\" isn't currently running", pod.uuid().str());
  const std::string app = TRY(choose_app(TRY(read_pod_manifest(pod)), request.app, "attach"));
  const auto stage1 = TRY(Stage1Manifest::read(pod.dir()));
  const auto pid = TRY(wait_for_pod_pid(pod));
  if (!pid) return fail(ErrorKind::kInvalidInput, "pod \"{}\" has ended", pod.uuid().str());
  const Stage1Root at = TRY(open_stage1_root(engine.data_dir, pod.dir()));
  const std::string root_path = TRY(sys::path_of_fd(at.root.get()));
  auto exec = TRY(resolve_stage1_call(stage1, at.root, root_path, at.pod,
                                      {contract::Entrypoint::kAttach, render(engine, app, request)}));
  exec.environment = TRY(crossing_environment(stage1, root_path, *pid, app));
  return exec;
}

}  // namespace agena::stage0
