// Waiting for something to happen to a pod directory without polling it: a file appears, the directory is
// renamed or deleted, or a process that had it open (the lock's holder) is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// A point in time after which waiting ends; without a timeout it never does.
class WaitLimit {
 public:
  explicit WaitLimit(std::optional<Nanoseconds> timeout)
      : deadline_(timeout ? std::optional(monotonic_now() + *timeout) : std::nullopt) {}
  // Time left, not below 0; nullopt without a limit.
  std::optional<Nanoseconds> left() const;

 private:
  std::optional<Nanoseconds> deadline_;
};

// Watches directories by descriptor (inotify). Make it before looking at what it is to watch: what changes
// between the look and the wait then ends the wait at once.
class PodWatch {
 public:
  // Where the host has no inotify watches left, wait() wakes every 20 ms instead.
  explicit PodWatch(std::span<const int> directories);
  PodWatch(std::initializer_list<int> directories)
      : PodWatch(std::span<const int>(directories.begin(), directories.size())) {}

  // Also watches this directory from now on, for these inotify events in addition.
  void add(int directory, std::uint32_t more_events = 0);
  // Waits until something may have happened (spurious wake-ups are possible). False if the limit has passed.
  Result<bool> wait(const WaitLimit& limit);

 private:
  sys::UniqueFd inotify_;
  bool complete_ = true;  // every directory is watched
  bool just_woken_ = false;
};

}  // namespace agena::stage0
