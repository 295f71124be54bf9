#include "stage0/store/partials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "stage0/store/layout.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxNote = 4096;
constexpr std::string_view kNoteEnding = ".note";

std::string directory_path() { return fmt::format("{}/{}", layout::kCas, layout::kPartial); }

// Whether the name still stands for the locked file: who held the lock before may have removed it.
Result<bool> is_still(const sys::DirFd& dir, const std::string& name, const sys::UniqueFd& fd,
                      struct stat& by_fd) {
  struct stat by_name{};
  if (::fstat(fd.get(), &by_fd) != 0) return sys_fail("reading attributes of a partial file");
  if (::fstatat(dir.get(), name.c_str(), &by_name, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return sys_fail("reading attributes of a partial file");
  }
  return by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

Result<sys::UniqueFd> open_file(const sys::DirFd& dir, const std::string& name, int flags) {
  return sys::open_at(dir, name, O_RDWR | O_NOFOLLOW | flags, 0600);
}

}  // namespace

Result<PartialFile> PartialFile::open(const Store& store, std::string_view key,
                                      const std::function<void()>& on_wait) {
  return open(store, key, true, on_wait);
}

Result<PartialFile> PartialFile::open_now(const Store& store, std::string_view key) {
  return open(store, key, false, {});
}

Result<PartialFile> PartialFile::unnamed(sys::DirFd dir, const std::string& name) {
  sys::UniqueFd fd(::openat(dir.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) {
    // A file system that cannot make one.
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT) return sys_fail("making a partial file");
    const std::string other = fmt::format("{}.{}", name, ::getpid());
    fd = TRY(open_file(dir, other, O_CREAT | O_EXCL));
    TRY(sys::remove_file(dir, other));
  }
  return PartialFile(std::move(dir), "", std::move(fd), 0);
}

Result<PartialFile> PartialFile::open(const Store& store, std::string_view key, bool wait,
                                      const std::function<void()>& on_wait) {
  TRY(sys::make_dir(store.data(), directory_path(), 0700));
  sys::DirFd dir = TRY(sys::open_dir(store.data(), directory_path(), O_NOFOLLOW));
  const std::string name = hash_of(HashAlgorithm::kSha256, key).hex();
  while (true) {
    sys::UniqueFd fd = TRY(open_file(dir, name, O_CREAT));
    auto lock = TRY(sys::FileLock::try_now(std::move(fd), sys::LockMode::kExclusive));
    if (!lock && !wait) return unnamed(std::move(dir), name);
    if (!lock) {
      if (on_wait) on_wait();
      lock = TRY(sys::FileLock::wait(TRY(open_file(dir, name, O_CREAT)), sys::LockMode::kExclusive));
    }
    sys::UniqueFd locked = lock->take();
    struct stat st{};
    if (!TRY(is_still(dir, name, locked, st))) continue;
    return PartialFile(std::move(dir), name, std::move(locked), static_cast<std::uint64_t>(st.st_size));
  }
}

Result<> PartialFile::append(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("writing to a partial file");
    size_ += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> PartialFile::clear() {
  if (::ftruncate(fd_.get(), 0) != 0) return sys_fail("emptying a partial file");
  size_ = 0;
  if (name_.empty()) return {};
  return sys::remove_file(dir_, name_ + std::string(kNoteEnding));
}

Result<std::string> PartialFile::note() const {
  if (name_.empty()) return std::string();
  auto text = sys::read_file(dir_, name_ + std::string(kNoteEnding), kMaxNote);
  if (!text && text.error().kind() == ErrorKind::kNotFound) return std::string();
  return text;
}

Result<> PartialFile::set_note(std::string_view text) {
  if (name_.empty()) return {};
  return sys::replace_file(dir_, name_ + std::string(kNoteEnding), text, 0600);
}

Result<> PartialFile::remove() {
  if (name_.empty()) return {};
  TRY(sys::remove_file(dir_, name_ + std::string(kNoteEnding)));
  return sys::remove_file(dir_, name_);
}

Result<std::uint64_t> sweep_partials(const Store& store, Nanoseconds before) {
  auto opened = sys::open_dir(store.data(), directory_path(), O_NOFOLLOW);
  if (!opened && opened.error().kind() == ErrorKind::kNotFound) return 0;
  const sys::DirFd dir = TRY(std::move(opened));
  std::uint64_t freed = 0;
  for (const std::string& name : TRY(sys::list_dir(dir))) {
    // A note goes with its file.
    if (name.ends_with(kNoteEnding)) {
      const std::string file = name.substr(0, name.size() - kNoteEnding.size());
      if (!TRY(sys::exists(dir, file))) TRY(sys::remove_file(dir, name));
      continue;
    }
    auto fd = open_file(dir, name, 0);
    if (!fd) continue;  // gone meanwhile, or nothing of ours
    auto lock = TRY(sys::FileLock::try_now(*std::move(fd), sys::LockMode::kExclusive));
    if (!lock) continue;
    const sys::UniqueFd locked = lock->take();
    struct stat st{};
    if (!TRY(is_still(dir, name, locked, st)) || !S_ISREG(st.st_mode) || sys::mtime_of(st) >= before)
      continue;
    TRY(sys::remove_file(dir, name + std::string(kNoteEnding)));
    TRY(sys::remove_file(dir, name));
    freed += static_cast<std::uint64_t>(st.st_blocks) * 512;
  }
  return freed;
}

}  // namespace agena::stage0
