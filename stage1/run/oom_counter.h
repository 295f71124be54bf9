// Processes of an app that the kernel has killed for want of memory, over the app's runs.
#pragma once

#include <cstdint>

namespace agena::stage1 {

// What the kernel says.
struct OomCount {
  std::uint64_t cgroup = 0;  // inode of the cgroup whose counter it is; 0: there is none
  std::uint64_t kills = 0;   // since that was made
  bool operator==(const OomCount&) const = default;
};

// A run of the app may have a cgroup of its own (v2), with a new counter, or that of the run before (v1).
class OomCounter {
 public:
  // How many more there are than when it was last asked.
  std::uint64_t more(const OomCount& now) {
    const std::uint64_t before = now.cgroup == last_.cgroup ? last_.kills : 0;
    last_ = now;
    const std::uint64_t more = now.kills < before ? now.kills : now.kills - before;
    total_ += more;
    return more;
  }
  std::uint64_t total() const { return total_; }
  // For an app that begins anew.
  void renew() { total_ = 0; }

 private:
  OomCount last_;
  std::uint64_t total_ = 0;
};

}  // namespace agena::stage1
