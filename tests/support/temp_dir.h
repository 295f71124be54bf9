// A directory for one test, removed with everything in it at the end.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

#include "common/base/result.h"
#include "common/sys/fs.h"

namespace agena::test {

class TempDir {
 public:
  // Below $TMPDIR or /var/tmp: a real file system, unlike /tmp on many hosts.
  TempDir() {
    const char* base = ::getenv("TMPDIR");
    path_ = std::string(base != nullptr && *base != '\0' ? base : "/var/tmp") + "/agena-test-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "cannot create " << path_;
    auto dir = sys::open_dir(path_);
    if (dir) dir_ = *std::move(dir);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    if (const auto removed = sys::remove_tree(sys::at_cwd(), path_); !removed)
      ADD_FAILURE() << removed.error().to_string();
  }

  const std::string& path() const { return path_; }
  const sys::DirFd& dir() const { return dir_; }

 private:
  std::string path_;
  sys::DirFd dir_;
};

// For ASSERT_TRUE(ok(result)): shows the error of a failed Result.
template <class T>
::testing::AssertionResult ok(const Result<T>& result) {
  if (result) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result.error().to_string();
}

}  // namespace agena::test
