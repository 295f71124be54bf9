// A mutable pod that an operation works on: its facts, its manifest, and calls of its stage1. Internal to
// stage0/app.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/id_range.h"
#include "common/sys/lock.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/app/app_request.h"
#include "stage0/app/pod_root.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"
#include "stage0/pod/pod_watch.h"
#include "stage0/stage1_client/stage1_manifest.h"

namespace agena::stage0 {

// Interface version whose app-add reads the app from the candidate manifest.
inline constexpr int kCandidateSince = 8;

class AppPod {
 public:
  // Finds the pod. kInvalidInput if it is neither running nor ended, or cannot be changed ("immutable pod").
  static Result<AppPod> open(const Engine& engine, const Pods& pods, const AppOperation& operation);

  const Engine& engine() const { return *engine_; }
  const Pod& pod() const { return pod_; }
  const sys::DirFd& dir() const { return pod_.dir(); }
  const Stage1Manifest& stage1() const { return stage1_; }
  // Whether its roots are overlays, else copies.
  bool overlay() const { return overlay_; }
  // The ids of its user namespace, if it has one of its own.
  const std::optional<sys::IdRange>& users() const { return users_; }
  // Whether stage1 reads an app from the candidate manifest; an older one reads the pod's manifest.
  bool reads_candidates() const { return stage1_.interface_version() >= kCandidateSince; }

  // Time left, not below 0.
  Nanoseconds left() const { return *limit_.left(); }
  // Starts the operation's time anew.
  void set_timeout(Nanoseconds at_most) { limit_ = WaitLimit(at_most); }

  // Whether it runs, now; false if it has ended.
  Result<bool> running();
  // Waits until its apps can be managed; an error if it has ended, kBusy if the time has passed.
  Result<> wait_ready();
  // The exclusive lock on changes of the manifest; kBusy if the time has passed.
  Result<sys::FileLock> lock_manifest() const;
  // Also keeps an ended pod from being started or removed while the pod object lives.
  Result<> hold() { return pod_.hold(); }

  // The manifest as it is committed; an error if it is not that of a mutable pod.
  Result<schema::PodManifest> read_manifest() const;

  // Calls an app entrypoint and waits; its warnings are kept. Options beside --debug and --app.
  Result<> call(contract::Entrypoint entrypoint, const std::string& app,
                const std::map<std::string, std::string, std::less<>>& options = {});
  // The pod's root directory in its mount namespace. The pod must run.
  Result<PodRoot> root();

  void warn(std::string warning) { warnings_.push_back(std::move(warning)); }
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  AppPod(const Engine& engine, Pod pod, Stage1Manifest stage1, Nanoseconds timeout)
      : engine_(&engine), pod_(std::move(pod)), stage1_(std::move(stage1)), limit_(timeout) {}
  Result<pid_t> first_process();

  const Engine* engine_;
  Pod pod_;
  Stage1Manifest stage1_;
  WaitLimit limit_;
  bool overlay_ = true;
  std::optional<sys::IdRange> users_;
  std::optional<pid_t> first_process_;
  std::vector<std::string> warnings_;
  // As it was last read: most of the time nobody has changed it between two looks.
  struct ReadManifest {
    std::string text;
    schema::PodManifest manifest;
  };
  mutable std::optional<ReadManifest> read_;
};

// The app of a manifest; kNotFound names the apps that there are.
Result<const schema::RuntimeApp*> require_app(const schema::PodManifest& manifest, const std::string& app);

// How long stopping an app may take: its own patience, and as much again for its post-stop handlers.
Nanoseconds stop_patience(const schema::RuntimeApp& app, std::optional<Nanoseconds> grace);

}  // namespace agena::stage0
