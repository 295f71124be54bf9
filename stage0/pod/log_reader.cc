#include "stage0/pod/log_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

constexpr std::size_t kReadSize = 256U << 10U;
// A line is put together up to this length; what is longer comes in parts.
constexpr std::size_t kMaxJoined = 1U << 20U;
constexpr int kMostFiles = 10'000;

Result<std::optional<struct stat>> stat_log(const sys::DirFd& pod_dir, const std::string& app, int index) {
  auto st = sys::stat_at(pod_dir, paths::app_log(app, index));
  if (!st && st.error().kind() == ErrorKind::kNotFound) return std::optional<struct stat>();
  if (!st) return std::unexpected(std::move(st).error());
  return std::optional(*st);
}

Result<std::optional<sys::UniqueFd>> open_log(const sys::DirFd& pod_dir, const std::string& app, int index) {
  auto fd = sys::open_at(pod_dir, paths::app_log(app, index), O_RDONLY | O_NOFOLLOW);
  if (!fd && fd.error().kind() == ErrorKind::kNotFound) return std::optional<sys::UniqueFd>();
  if (!fd) return std::unexpected(std::move(fd).error());
  return std::optional(std::move(*fd));
}

// The highest number that a file of the app bears, or -1.
Result<int> oldest_index(const sys::DirFd& pod_dir, const std::string& app) {
  const auto names = sys::list_dir(pod_dir, paths::kLogs);
  if (!names && names.error().kind() == ErrorKind::kNotFound) return -1;
  if (!names) return std::unexpected(names.error());
  const std::string base = app + ".log";
  int oldest = -1;
  for (const std::string& name : *names) {
    if (name == base) oldest = std::max(oldest, 0);
    if (!name.starts_with(base + ".")) continue;
    const auto index = parse_int(std::string_view(name).substr(base.size() + 1), 1, kMostFiles);
    if (index) oldest = std::max(oldest, static_cast<int>(*index));
  }
  return oldest;
}

}  // namespace

Result<> LogReader::use(sys::UniqueFd fd) {
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return sys_fail("reading attributes of the log of app '{}'", app_);
  fd_ = std::move(fd);
  inode_ = st.st_ino;
  buffer_.clear();  // a torn record ends with its file
  head_ = 0;
  return {};
}

// False if there is no file.
Result<bool> LogReader::open_oldest() {
  while (true) {
    const int index = TRY(oldest_index(pod_dir_, app_));
    if (index < 0) return false;
    auto fd = TRY(open_log(pod_dir_, app_, index));
    if (!fd) continue;  // put aside or deleted between the two looks
    TRY(use(std::move(*fd)));
    return true;
  }
}

// The number that the open file bears now; nullopt if it was deleted. It stays open, so that no other file
// can have its inode. A rotation renames upwards, the oldest first: a look from below cannot miss a file, but
// may find a number that nobody bears at the moment.
Result<std::optional<int>> LogReader::own_index() const {
  const int last = TRY(oldest_index(pod_dir_, app_)) + 1;
  for (int index = 0; index <= last; ++index) {
    const auto st = TRY(stat_log(pod_dir_, app_, index));
    if (st && st->st_ino == inode_) return std::optional(index);
  }
  return std::optional<int>();
}

// Opens the file with the highest number below `index`, and tells it; nullopt if there is none.
Result<std::optional<int>> LogReader::open_below(int index, sys::UniqueFd& fd) const {
  for (int lower = index - 1; lower >= 0; --lower) {
    auto opened = TRY(open_log(pod_dir_, app_, lower));
    if (!opened) continue;
    fd = std::move(*opened);
    return std::optional(lower);
  }
  return std::optional<int>();
}

// Whether our file still bears the number, and nothing is between it and a lower one: otherwise there was a
// rotation meanwhile, and what was opened may be one too far.
Result<bool> LogReader::are_neighbours(int lower, int index) const {
  const auto own = TRY(stat_log(pod_dir_, app_, index));
  if (!own || own->st_ino != inode_) return false;
  for (int between = lower + 1; between < index; ++between)
    if (TRY(stat_log(pod_dir_, app_, between))) return false;
  return true;
}

// Goes on to the file that was begun after the one at hand; false if there is none (yet).
Result<bool> LogReader::open_next() {
  while (true) {
    const auto index = TRY(own_index());
    if (!index) {
      // More renames than one may have gone by while we looked: only a look that finds nothing twice counts.
      if (TRY(own_index())) continue;
      gap_ = true;
      return open_oldest();
    }
    sys::UniqueFd fd;
    const auto lower = TRY(open_below(*index, fd));
    if (!TRY(are_neighbours(lower.value_or(-1), *index))) continue;
    if (!lower) return false;
    TRY(use(std::move(fd)));
    return true;
  }
}

// Whether there is more to look at.
Result<bool> LogReader::read_more() {
  if (!fd_) return open_oldest();
  if (head_ > 0) buffer_.erase(0, head_);
  head_ = 0;
  const auto read_once = [&]() -> ssize_t {
    const std::size_t old = buffer_.size();
    buffer_.resize(old + kReadSize);
    const ssize_t n = ::read(fd_.get(), buffer_.data() + old, kReadSize);
    buffer_.resize(old + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return n;
  };
  ssize_t n = read_once();
  if (n == 0) {
    const auto st = TRY(stat_log(pod_dir_, app_, 0));
    if (st && st->st_ino == inode_) return false;
    // Put aside: what was written between our look at its end and the rename is still to be read.
    n = read_once();
    if (n == 0) return open_next();
  }
  if (n < 0) return sys_fail("reading the log of app '{}'", app_);
  return true;
}

// True if the record makes a line.
bool LogReader::take_record(std::string_view bytes) {
  const auto record = contract::parse_log_record(bytes);
  if (!record) return false;
  Begun& begun = begun_.at(record->stream == LogStream::kStdout ? 0 : 1);
  if (record->complete && begun.text.empty()) {
    line_ = LogLine{record->time, record->stream, true, record->text};
    return true;
  }
  if (begun.text.empty()) begun.time = record->time;
  begun.text.append(record->text);
  if (!record->complete && begun.text.size() < kMaxJoined) return false;
  text_ = std::exchange(begun.text, {});
  line_ = LogLine{begun.time, record->stream, record->complete, text_};
  return true;
}

Result<> LogReader::advance() {
  line_.reset();
  while (true) {
    const std::string_view bytes = unread();
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      if (!TRY(read_more())) return {};
      continue;
    }
    head_ += end + 1;
    if (take_record(bytes.substr(0, end))) return {};
  }
}

void LogReader::finish() {
  line_.reset();
  for (const LogStream stream : {LogStream::kStdout, LogStream::kStderr}) {
    Begun& begun = begun_.at(stream == LogStream::kStdout ? 0 : 1);
    if (begun.text.empty()) continue;
    text_ = std::exchange(begun.text, {});
    line_ = LogLine{begun.time, stream, false, text_};
    return;
  }
}

}  // namespace agena::stage0
