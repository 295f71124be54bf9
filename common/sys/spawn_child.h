// The child side of spawn(): internal to common/sys.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace agena::sys::detail {

enum class ChildStep : std::uint8_t {
  kDeathSignal,
  kParentGone,
  kUserNamespace,
  kSession,
  kProcessGroup,
  kJoinNamespace,
  kDirectory,
  kMoveFds,
  kSignals,
  kExec,
};

// What the child tells the parent over the close-on-exec pipe when a step fails; end of file means that exec
// succeeded.
struct ChildFailure {
  ChildStep step;
  std::int32_t error;
};

struct FdMoveRaw {
  int from;
  int to;
};

// SpawnPlan as plain arrays; everything lives in the parent's (copied) memory.
struct ChildPlan {
  const char* path;
  int program;
  char* const* argv;
  char* const* environment;
  const FdMoveRaw* fds;
  std::size_t fd_count;
  FdMoveRaw* scratch;  // room for fd_count moves
  const int* join;
  std::size_t join_count;
  int directory;
  bool new_session;
  bool own_process_group;
  int death_signal;
  pid_t parent;  // to notice a parent that died before the death signal was set; 0 in a new pid namespace
  int report;
  // The child waits on `mapped` until its user namespace has its maps (a byte), and becomes its root; -1: it
  // stays who it is. `mapped_parent` is the parent's end, which it closes.
  int mapped;
  int mapped_parent;
};

// Walks the steps; never returns.
[[noreturn]] void run_child(const ChildPlan& plan);

}  // namespace agena::sys::detail
