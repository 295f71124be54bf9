#include "stage0/export/target_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/export/target_path.h"
#include "stage0/export/unfinished.h"

namespace agena::stage0 {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr std::size_t kPieceBytes = 256U << 10U;

// How often a cleaner may come between the making and the locking of something.
constexpr int kAttempts = 100;

// Makes a file without a name where the file system can do that, else with one for the moment.
Result<sys::UniqueFd> make_file(sys::DirRef dir, const std::string& name, std::string& temporary) {
  sys::UniqueFd fd(::openat(dir.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, kFileMode));
  if (fd) {
    temporary.clear();
    return fd;
  }
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT) return sys_fail("creating it");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    temporary = unfinished_name(name);
    fd = TRY(sys::open_at(dir, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, kFileMode));
    if (lock_unfinished(dir, temporary, fd.get())) return fd;
  }
  return fail(ErrorKind::kBusy, "something keeps removing it");
}

// Gives a file its own name, which must be free. Not all file systems can rename like that, but all that have
// links can link.
Result<> rename_free(const sys::DirFd& dir, const std::string& from, const std::string& to) {
  auto renamed = sys::rename_new(dir, from, dir, to);
  if (renamed || renamed.error().sys_errno() != EINVAL) return renamed;
  if (::linkat(dir.get(), from.c_str(), dir.get(), to.c_str(), 0) != 0) return sys_fail("giving it its name");
  return sys::remove_file(dir, from);
}

}  // namespace

Result<TargetPath> split_target(const std::string& path) {
  std::string whole = path;
  while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  const std::size_t slash = whole.rfind('/');
  TargetPath parts{.dir = ".", .name = whole};
  if (slash != std::string::npos)
    parts = {.dir = slash == 0 ? "/" : whole.substr(0, slash), .name = whole.substr(slash + 1)};
  if (parts.name.empty() || parts.name == "." || parts.name == "..")
    return fail(ErrorKind::kInvalidInput, "'{}' does not name a file", printable(path));
  return parts;
}

std::unexpected<Error> target_exists(const std::string& path) {
  return fail(ErrorKind::kAlreadyExists, "'{}': target file exists (try --overwrite)", printable(path));
}

Result<TargetFile> TargetFile::create(const std::string& path, bool overwrite) {
  const auto [dir, name] = TRY(split_target(path));
  TargetFile target;
  target.name_ = name;
  target.path_ = path;
  target.overwrite_ = overwrite;
  target.dir_ = TRY_CTX(sys::open_dir(sys::at_cwd(), dir), "target '{}'", printable(path));
  struct stat st{};
  const bool there = ::fstatat(target.dir_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && !overwrite) return target_exists(path);
  if (there && S_ISDIR(st.st_mode))
    return fail(ErrorKind::kInvalidInput, "target '{}' is a directory", printable(path));
  remove_unfinished(target.dir_, name);
  target.fd_ = TRY_CTX(make_file(target.dir_, name, target.temporary_), "target '{}'", printable(path));
  return target;
}

TargetFile::~TargetFile() {
  if (temporary_.empty() || !dir_) return;
  if (const auto removed = sys::remove_file(dir_, temporary_); !removed)
    log::debug("export: {}", removed.error().to_string());
}

Result<> TargetFile::commit() {
  auto give_name = [&]() -> Result<> {
    TRY(sys::sync_fd(fd_.get()));
    if (temporary_.empty()) {
      // An overwritten file needs a name in between: linkat(2) does not replace.
      const std::string name = overwrite_ ? unfinished_name(name_) : name_;
      // Nobody can have it locked, and a cleaner that comes now finds it so.
      if (overwrite_) (void)lock_unfinished(dir_, name, fd_.get());
      if (::linkat(AT_FDCWD, sys::proc_fd_path(fd_.get()).c_str(), dir_.get(), name.c_str(),
                   AT_SYMLINK_FOLLOW) != 0)
        return sys_fail("giving it its name");
      if (!overwrite_) return {};
      temporary_ = name;
    }
    TRY(overwrite_ ? sys::rename_at(dir_, temporary_, dir_, name_) : rename_free(dir_, temporary_, name_));
    temporary_.clear();
    return {};
  };
  if (auto named = give_name(); !named) {
    if (named.error().kind() == ErrorKind::kAlreadyExists && !overwrite_) return target_exists(path_);
    return std::unexpected(
        std::move(named).error().with_context(fmt::format("target '{}'", printable(path_))));
  }
  return sys::sync_dir(dir_);
}

Result<sys::UniqueFd> open_spool(sys::DirRef dir) {
  std::string temporary;
  sys::UniqueFd fd = TRY_CTX(make_file(dir, "spool", temporary), "a file for work in progress");
  if (!temporary.empty()) TRY(sys::remove_file(dir, temporary));
  return fd;
}

Result<Written> write_stream(ByteSource& source, int fd) {
  HashingSource hashed(source, HashAlgorithm::kSha256);
  std::vector<char> buffer(kPieceBytes);
  while (true) {
    const std::size_t n = TRY(hashed.read(buffer));
    if (n == 0) break;
    TRY(sys::write_all(fd, {buffer.data(), n}));
  }
  const std::uint64_t bytes = hashed.bytes();
  return Written{.digest = hashed.finish(), .bytes = bytes};
}

}  // namespace agena::stage0
