// Starting processes. Between clone3(2) and exec the child of spawn() runs only spawn_child.cc, which is
// async-signal-safe and allocates nothing; everything richer happens after exec, in a fresh single-threaded
// program.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/id_range.h"
#include "common/sys/pidfd.h"

namespace agena::sys {

// What the child shall be. Everything is data that the parent has made.
struct SpawnPlan {
  // Program: a path, or an open descriptor of it (executed with execveat and AT_EMPTY_PATH).
  std::string path;
  const UniqueFd* program = nullptr;
  std::vector<std::string> argv;
  // "KEY=VALUE"; nullopt inherits the parent's environment.
  std::optional<std::vector<std::string>> environment;

  // CLONE_NEW* flags of clone3.
  std::uint64_t namespaces = 0;
  // Also a new user namespace (CLONE_NEWUSER), whose ids 0 and up are these; the child is its root.
  std::optional<IdRange> user_ids = {};
  // cgroup2 directory to be born in (CLONE_INTO_CGROUP); no migration afterwards, hence no wait for an RCU
  // grace period.
  const DirFd* cgroup = nullptr;

  struct FdMove {
    int from;  // descriptor of the parent
    int to;    // number in the child; close-on-exec is cleared
  };
  std::vector<FdMove> fds;
  // Namespaces to join before exec, in this order (setns). A joined pid namespace counts for the child's
  // children only.
  std::vector<int> join;
  // Working directory after joining; 0 length keeps the parent's.
  const DirFd* directory = nullptr;
  bool new_session = false;
  bool own_process_group = false;
  // Signal that the child gets when its parent dies (0: none). Set before the parent is checked to be alive,
  // so no death is missed.
  int death_signal = 0;
};

// A running child. Dropping it kills and reaps it, so that no error path leaves a process behind.
class Child {
 public:
  Child(pid_t pid, PidFd fd) : pid_(pid), fd_(std::move(fd)) {}
  Child(Child&& other) noexcept : pid_(other.pid_), fd_(std::move(other.fd_)) {}
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  pid_t pid() const { return pid_; }
  const PidFd& fd() const { return fd_; }
  // Waits for its end and reaps it.
  Result<ExitStatus> wait();
  // Lets it live on; the caller no longer reaps it.
  void detach() { fd_.reset(); }

 private:
  pid_t pid_;
  PidFd fd_;
};

// Starts the child; returns when its exec has succeeded, or with the step that failed ("executing '/init': no
// such file …").
Result<Child> spawn(const SpawnPlan& plan);

// A copy of the calling process, which must have one thread, that runs `body` and exits with what it returns.
// For a process that has joined a pid namespace, which counts for its children only.
Result<Child> fork_child(const std::function<int()>& body);

}  // namespace agena::sys
