// A home directory for one use of GnuPG: its own keyring, its own settings, nothing of the user's. Internal
// to stage0/trust.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// A directory of mode 0700 below $TMPDIR (or /tmp), removed by the destructor. It is held by a lock, so that
// what a killed process left is known as such: the next one removes it.
class PrivateHome {
 public:
  static Result<PrivateHome> create();
  PrivateHome(PrivateHome&&) noexcept = default;
  PrivateHome& operator=(PrivateHome&&) = delete;
  PrivateHome(const PrivateHome&) = delete;
  ~PrivateHome();

  // Absolute.
  const std::string& path() const { return path_; }

 private:
  PrivateHome(std::string path, sys::UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  sys::UniqueFd lock_;
};

}  // namespace agena::stage0
