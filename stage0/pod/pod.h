// Pods on disk: DATA/pods/PHASE/UUID, a flock on the pod directory, renames between the phases. The only
// place that creates, finds, locks and moves pod directories. Knows nothing of what is in them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/base/uuid.h"
#include "common/contract/pod_phase.h"
#include "common/sys/fd.h"
#include "common/sys/fs.h"

namespace agena::stage0 {

using contract::PodDirectory;
using contract::PodState;

// DATA/pods, opened.
class Pods {
 public:
  // Opens it for reading; a data directory without pods gives an empty set, whose lookups find nothing.
  static Result<Pods> open(const std::string& data_dir);
  // As open(), and creates what is missing (0750).
  static Result<Pods> create(const std::string& data_dir);

  // False if there is no pods directory.
  bool present() const { return static_cast<bool>(dir_); }
  const sys::DirFd& dir() const { return dir_; }
  // The directory of the pods' names (pod_name.h), which need not be there.
  const std::string& names_path() const { return names_path_; }
  // "PHASE/UUID", relative to dir().
  static std::string path_of(PodDirectory directory, const Uuid& uuid);

 private:
  Pods(sys::DirFd dir, const std::string& data_dir)
      : dir_(std::move(dir)), names_path_(data_dir + "/names") {}
  sys::DirFd dir_;
  std::string names_path_;
};

// A pod directory, opened: follows the pod through renames (the descriptor stays the same), owns the lock if
// it took one. Move-only. The Pods that it came from must outlive it.
class Pod {
 public:
  // A new pod: made in embryo, locked exclusively, moved to prepare.
  static Result<Pod> create(const Pods& pods);
  // The pod with this UUID, in whatever phase; kNotFound if there is none.
  static Result<Pod> open(const Pods& pods, const Uuid& uuid);
  // Opens the pod directory known to be in this phase; kNotFound if it is not there (any more).
  static Result<Pod> open_in(const Pods& pods, PodDirectory directory, const Uuid& uuid);

  const Pods& pods() const { return *pods_; }
  const Uuid& uuid() const { return uuid_; }
  // Where the pod was when it was opened, or last looked at or moved by this object.
  PodDirectory directory() const { return directory_; }
  const sys::DirFd& dir() const { return dir_; }
  bool locked() const { return locked_; }

  // Phase and lock as they are now (true at one instant of the call), after following the pod if it was
  // moved. kNotFound if it was deleted. A pod locked by this object counts as locked.
  Result<PodState> state();

  // Takes the exclusive lock. kBusy if somebody else holds it exclusively; readers, who hold it shared for a
  // moment, are waited for. kNotFound if the pod was moved or deleted meanwhile.
  Result<> lock();
  // Takes the lock shared, for moving an ended pod on: others still see the pod as not running meanwhile.
  // kBusy if somebody holds it exclusively, kNotFound if the pod was moved or deleted meanwhile.
  Result<> hold();
  // Waits until nobody holds the lock exclusively: until a running pod has ended. Takes no lock.
  // False if the timeout passed first (nullopt: no limit).
  Result<bool> wait_unlocked(std::optional<Nanoseconds> timeout);
  // Gives up what lock() has taken.
  void unlock();
  // Descriptor with the lock, for handing over to stage1; closed-on-exec until somebody clears that. The pod
  // remains usable, but is then no longer the owner of the lock.
  Result<sys::UniqueFd> release_lock();

  // Moves the pod to another phase by rename. kNotFound if it is not where it was (somebody else moved it).
  // With Durability::kSync both directories are fsynced: the move survives a power cut.
  Result<> move_to(PodDirectory directory, sys::Durability durability = sys::Durability::kNone);

 private:
  Pod(const Pods& pods, Uuid uuid, PodDirectory directory, sys::DirFd dir)
      : pods_(&pods), uuid_(std::move(uuid)), directory_(directory), dir_(std::move(dir)) {}
  Result<bool> still_there() const;
  Result<> follow();

  const Pods* pods_;
  Uuid uuid_;
  PodDirectory directory_;
  sys::DirFd dir_;
  bool locked_ = false;
};

// Where a pod was seen by a scan.
struct PodRef {
  Uuid uuid;
  PodDirectory directory;
};

// The phases in which a user can name a pod: prepare, prepared, run, exited-garbage.
std::span<const PodDirectory> visible_phases();

// Pods in these phases, ordered by UUID, each once. Names that are not UUIDs are skipped.
Result<std::vector<PodRef>> scan_pods(const Pods& pods, std::span<const PodDirectory> phases);

// The pod with this UUID, else with this name, else whose UUID begins with this text (any case), in a visible
// phase. Errors are rkt's: 'UUID cannot be empty', 'no matches found for "…"', 'ambiguous uuid, N matches'.
Result<Pod> find_pod(const Pods& pods, std::string_view uuid_prefix);

}  // namespace agena::stage0
