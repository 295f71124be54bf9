#include "stage1/iohub/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/passwd.h"
#include "common/sys/path_in_root.h"

namespace agena::stage1 {

namespace paths = contract::pod_paths;

RecordFile::~RecordFile() { tell_loss(); }

Result<> RecordFile::use(sys::UniqueFd fd) {
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return sys_fail("reading attributes of {}", shown_);
  size_ = static_cast<std::uint64_t>(st.st_size);
  char last = '\n';
  if (size_ > 0 && ::pread(fd.get(), &last, 1, st.st_size - 1) < 0)
    return sys_fail("reading a log file's end");
  torn_ = last != '\n';
  fd_ = std::move(fd);
  return {};
}

void RecordFile::append(std::string_view records) {
  std::string mended;
  if (torn_) records = mended.assign("\n").append(records);
  std::size_t done = 0;
  while (done < records.size()) {
    const ssize_t n = ::write(fd_.get(), records.data() + done, records.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  const int error = errno;
  size_ += done;
  if (done > 0) torn_ = records[done - 1] != '\n';
  if (done == records.size())
    tell_loss();
  else
    lose(records.substr(done), errno_text(error));
}

void RecordFile::lose(std::string_view records, const std::string& why) {
  if (lost_ == 0) log::warning("{} cannot be written ({}): what comes is dropped until it can", shown_, why);
  lost_ += records.size();
}

void RecordFile::tell_loss() {
  if (lost_ > 0) log::warning("{}: {} bytes could not be written", shown_, lost_);
  lost_ = 0;
}

namespace {

// Who may read logs besides root: the pod directory's group if it has one, else the engine's own group.
gid_t readers_group(const sys::DirFd& pod_dir) {
  struct stat st{};
  if (::fstat(pod_dir.get(), &st) == 0 && st.st_gid != 0) return st.st_gid;
  const auto host = sys::open_dir("/");
  const auto groups = host ? sys::read_group(*host) : std::vector<sys::GroupEntry>();
  if (!groups) return 0;
  for (const char* name : {"agena", "rkt"}) {
    const auto it = std::ranges::find(*groups, name, &sys::GroupEntry::name);
    if (it != groups->end()) return it->gid;
  }
  return 0;
}

constexpr mode_t kLogDirMode = 0750;
constexpr mode_t kLogFileMode = 0640;
constexpr int kAppendFlags = O_RDWR | O_APPEND | O_CREAT;

}  // namespace

LogFile::LogFile(const sys::DirFd& pod_dir, std::string app, std::uint64_t max_size, int max_files)
    : pod_dir_(pod_dir),
      app_(std::move(app)),
      max_size_(max_size),
      max_files_(max_files),
      file_(fmt::format("the log of app '{}'", app_)) {}

Result<> LogFile::open() {
  TRY(sys::make_dir(pod_dir_, paths::kLogs, kLogDirMode));
  sys::UniqueFd fd = TRY(sys::open_at(pod_dir_, paths::app_log(app_), kAppendFlags, kLogFileMode));
  const gid_t group = readers_group(pod_dir_);
  const auto keep = static_cast<uid_t>(-1);
  if (::fchown(fd.get(), keep, group) != 0 ||
      ::fchownat(pod_dir_.get(), paths::kLogs, keep, group, AT_SYMLINK_NOFOLLOW) != 0)
    return sys_fail("setting the group of the log of app '{}'", app_);
  if (::fchmod(fd.get(), kLogFileMode) != 0) return sys_fail("setting the mode of the log of app '{}'", app_);
  return file_.use(std::move(fd));
}

// Oldest first, so that each name is free when it is needed. A reader that has a file open keeps it.
Result<> LogFile::rotate() {
  if (max_files_ == 1) TRY(sys::remove_file(pod_dir_, paths::app_log(app_)));
  for (int index = max_files_ - 2; index >= 0; --index) {
    const auto moved =
        sys::rename_at(pod_dir_, paths::app_log(app_, index), pod_dir_, paths::app_log(app_, index + 1));
    if (!moved && moved.error().kind() != ErrorKind::kNotFound) return moved;
  }
  file_.close();
  return open();
}

void LogFile::append(std::string_view records) {
  while (!records.empty()) {
    if (!file_.is_open()) {
      if (const auto opened = open(); !opened) return file_.lose(records, opened.error().to_string());
    }
    const std::uint64_t room = max_size_ - std::min(max_size_, file_.size());
    std::size_t part = records.size();
    if (part > room) {
      // As many whole records as fit; into an empty file at least one.
      part = room == 0 ? 0 : records.rfind('\n', room - 1) + 1;
      if (part == 0 && file_.size() == 0) part = records.find('\n') + 1;
    }
    file_.append(records.substr(0, part));
    records.remove_prefix(part);
    if (records.empty()) return;
    if (const auto rotated = rotate(); !rotated) return file_.lose(records, rotated.error().to_string());
  }
}

KubernetesLog::KubernetesLog(std::string directory, std::string path)
    : directory_(std::move(directory)),
      path_(std::move(path)),
      file_(fmt::format("the log file '{}'", printable(directory_ + "/" + path_))) {}

Result<> KubernetesLog::open() {
  const sys::DirFd directory = TRY(sys::open_dir(directory_));
  // The path is the kubelet's, below the directory that it gave; missing directories are its own doing.
  return file_.use(TRY(sys::open_beneath(directory, path_, kAppendFlags, kLogFileMode)));
}

void KubernetesLog::append(std::string_view records) {
  if (!file_.is_open()) {
    if (const auto opened = open(); !opened) return file_.lose(records, opened.error().to_string());
  }
  file_.append(records);
}

}  // namespace agena::stage1
