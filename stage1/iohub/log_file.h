// Files that an app's log records are appended to. Writing never fails and never waits for anything but the
// disk: what a full or broken disk does not take is counted and told on stderr.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

// A file of whole records, each ended by a newline.
class RecordFile {
 public:
  explicit RecordFile(std::string shown) : shown_(std::move(shown)) {}
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  bool is_open() const { return static_cast<bool>(fd_); }
  // Goes on with a file opened for reading and appending.
  Result<> use(sys::UniqueFd fd);
  void close() { fd_.reset(); }
  std::uint64_t size() const { return size_; }
  // Appends records.
  void append(std::string_view records);
  // Counts records that could not even be tried.
  void lose(std::string_view records, const std::string& why);

 private:
  void tell_loss();

  std::string shown_;  // for messages
  sys::UniqueFd fd_;
  std::uint64_t size_ = 0;
  bool torn_ = false;  // the file ends in the middle of a record
  std::uint64_t lost_ = 0;
};

// logs/APP.log in the pod directory. It is made by the first record, and put aside when it is full.
class LogFile {
 public:
  // The pod directory must outlive it.
  LogFile(const sys::DirFd& pod_dir, std::string app, std::uint64_t max_size, int max_files);
  void append(std::string_view records);

 private:
  Result<> open();
  Result<> rotate();

  const sys::DirFd& pod_dir_;
  std::string app_;
  std::uint64_t max_size_;
  int max_files_;
  RecordFile file_;
};

// A file for Kubernetes, below a directory of the host; whoever named it rotates it.
class KubernetesLog {
 public:
  KubernetesLog(std::string directory, std::string path);
  void append(std::string_view records);

 private:
  Result<> open();

  std::string directory_;
  std::string path_;
  RecordFile file_;
};

}  // namespace agena::stage1
