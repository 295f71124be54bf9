// Phases of a pod: a directory under pods/ and whether the pod directory's flock is held. Transitions are
// renames. (docs/pod-lifecycle.md shows the same table.)
#pragma once

#include <array>
#include <string_view>

namespace agena::contract {

// Where a pod directory is.
enum class PodDirectory { kEmbryo, kPrepare, kPrepared, kRun, kExitedGarbage, kGarbage };

// What that means together with the lock.
enum class PodState {
  kEmbryo,
  kPreparing,
  kAbortedPrepare,
  kPrepared,
  kRunning,
  kExited,
  kExitedGarbage,
  kExitedDeleting,
  kGarbage,
  kDeleting,
};

struct PhaseRow {
  PodDirectory value;
  std::string_view directory;  // name below pods/
  PodState unlocked;
  PodState locked;
};

// In the order of life: a reader that looks for a pod opens the first directory that exists.
inline constexpr std::array kPhases = {
    PhaseRow{PodDirectory::kEmbryo, "embryo", PodState::kEmbryo, PodState::kEmbryo},
    PhaseRow{PodDirectory::kPrepare, "prepare", PodState::kAbortedPrepare, PodState::kPreparing},
    PhaseRow{PodDirectory::kPrepared, "prepared", PodState::kPrepared, PodState::kPrepared},
    PhaseRow{PodDirectory::kRun, "run", PodState::kExited, PodState::kRunning},
    PhaseRow{PodDirectory::kExitedGarbage, "exited-garbage", PodState::kExitedGarbage,
             PodState::kExitedDeleting},
    PhaseRow{PodDirectory::kGarbage, "garbage", PodState::kGarbage, PodState::kDeleting},
};

struct StateRow {
  PodState value;
  std::string_view name;  // as `list` and `status` print it
};

inline constexpr std::array kStateNames = {
    StateRow{PodState::kEmbryo, "embryo"},
    StateRow{PodState::kPreparing, "preparing"},
    StateRow{PodState::kAbortedPrepare, "aborted prepare"},
    StateRow{PodState::kPrepared, "prepared"},
    StateRow{PodState::kRunning, "running"},
    StateRow{PodState::kExited, "exited"},
    StateRow{PodState::kExitedGarbage, "exited garbage"},
    StateRow{PodState::kExitedDeleting, "exited deleting"},
    StateRow{PodState::kGarbage, "garbage"},
    StateRow{PodState::kDeleting, "deleting"},
};

constexpr const PhaseRow& phase_row(PodDirectory directory) {
  return kPhases[static_cast<std::size_t>(directory)];
}
constexpr std::string_view name_of(PodDirectory directory) { return phase_row(directory).directory; }
constexpr std::string_view name_of(PodState state) {
  return kStateNames[static_cast<std::size_t>(state)].name;
}
constexpr PodState state_of(PodDirectory directory, bool locked) {
  return locked ? phase_row(directory).locked : phase_row(directory).unlocked;
}

}  // namespace agena::contract
