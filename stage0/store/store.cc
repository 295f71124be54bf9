#include "stage0/store/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "common/sys/fs.h"
#include "stage0/store/data_dir.h"
#include "stage0/store/index.h"
#include "stage0/store/layout.h"

namespace agena::stage0 {
namespace {

// The tree of the store below DATA and rkt's modes for it. Unpacked layers hold set-user-ID programs: nobody
// but root may reach them. The last line's directory is made last and tells that all are there.
struct Directory {
  const char* path;
  mode_t mode;
};
constexpr std::array kTree = {
    Directory{.path = "locks", .mode = 02750},      Directory{.path = "cas", .mode = 02770},
    Directory{.path = "cas/blobs", .mode = 02770},  Directory{.path = "cas/blobs/sha256", .mode = 02770},
    Directory{.path = "cas/images", .mode = 02770}, Directory{.path = "cas/layers", .mode = 0700},
    Directory{.path = "cas/staging", .mode = 0700}, Directory{.path = "cas/trash", .mode = 0700},
};

// Makes a directory of the tree; the set-gid bit of the data directory hands its group down. One that is
// there keeps its mode and owner: they are the administrator's.
Result<> make_owned(sys::DirRef dir, const Directory& directory) {
  if (TRY(sys::exists(dir, directory.path))) return {};
  return sys::make_dir(dir, directory.path, directory.mode);
}

Result<> make_tree(const std::string& data_dir) {
  const auto last = sys::exists(sys::at_cwd(), data_dir + "/" + kTree.back().path);
  if (last && *last) return {};
  TRY(make_data_dir(data_dir, ""));
  const sys::DirFd data = TRY(sys::open_dir(data_dir));
  for (const Directory& directory : kTree) TRY(make_owned(data, directory));
  return {};
}

}  // namespace

Store::Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const std::string& data_dir, Mode mode) {
  if (!data_dir.starts_with('/') || data_dir == "/")
    return fail(ErrorKind::kInvalidInput, "data directory '{}' is not an absolute path", data_dir);
  if (mode == Mode::kReadWrite) TRY_CTX(make_tree(data_dir), "making the store in '{}'", data_dir);
  Store store;
  store.mode_ = mode;
  store.path_ = data_dir;
  auto data = sys::open_dir(data_dir);
  auto cas = data ? sys::open_dir(*data, layout::kCas) : Result<sys::DirFd>(sys::DirFd());
  const auto is_missing = [&](const Result<sys::DirFd>& dir) {
    return mode == Mode::kReadOnly && !dir && dir.error().kind() == ErrorKind::kNotFound;
  };
  if (is_missing(data) || is_missing(cas)) return store;
  // Whoever began to make the tree did not come to its end: there is nothing in it.
  if (mode == Mode::kReadOnly && data && !TRY(sys::exists(*data, kTree.back().path))) return store;
  store.data_ = TRY_CTX(std::move(data), "opening the data directory");
  store.cas_ = TRY_CTX(std::move(cas), "opening the store in '{}'", data_dir);
  return store;
}

Result<Index*> Store::index() {
  if (!index_) index_ = TRY(Index::open(path_ + "/" + layout::kCas, mode_ == Mode::kReadWrite));
  return index_.get();
}

Result<sys::FileLock> Store::lock_prepare(sys::LockMode mode) const {
  sys::UniqueFd fd = TRY(sys::open_at(data_, layout::kPrepareLock, O_RDWR | O_CREAT | O_NOFOLLOW, 0640));
  return TRY_CTX(sys::FileLock::wait(std::move(fd), mode), "locking '{}/{}'", path_, layout::kPrepareLock);
}

Result<sys::FileLock> Store::lock_prepare_at_most(sys::LockMode mode, Nanoseconds at_most) const {
  sys::UniqueFd fd = TRY(sys::open_at(data_, layout::kPrepareLock, O_RDWR | O_CREAT | O_NOFOLLOW, 0640));
  return TRY_CTX(sys::FileLock::wait_at_most(std::move(fd), mode, at_most), "locking '{}/{}'", path_,
                 layout::kPrepareLock);
}

// --- file cache ---

namespace {
// A file that changes after it was read gets another ctime, if the clock's step (at most 10 ms) has passed
// between its last change and the start of reading.
constexpr Nanoseconds kClockStep = 100'000'000;

std::string identity_of(const Store::FileKey& key) {
  return fmt::format("{}:{}:{}:{}:{}", key.dev, key.ino, key.size, key.mtime, key.ctime);
}
}  // namespace

Result<std::optional<Store::FileKey>> Store::file_key(const std::string& path, int fd, std::string selector) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return sys_fail("reading attributes of '{}'", path);
  if (!S_ISREG(st.st_mode) || now() - sys::ctime_of(st) < kClockStep) return std::nullopt;
  return FileKey{.path = path,
                 .selector = std::move(selector),
                 .dev = st.st_dev,
                 .ino = st.st_ino,
                 .size = static_cast<std::uint64_t>(st.st_size),
                 .mtime = sys::mtime_of(st),
                 .ctime = sys::ctime_of(st)};
}

Result<std::optional<Store::FileImage>> Store::find_by_file(const FileKey& key) {
  const std::string identity = identity_of(key);
  auto content =
      TRY(TRY(index())->find_file({.path = key.path, .selector = key.selector, .identity = identity}));
  if (!content) return std::nullopt;
  auto record = read_image(content->id);
  if (record) return FileImage{.image = *std::move(record), .names = std::move(content->names)};
  if (record.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  return std::unexpected(std::move(record).error());
}

Result<> Store::remember_file(const FileKey& key, const std::string& id,
                              const std::vector<std::string>& names) {
  const std::string identity = identity_of(key);
  return TRY(index())->remember_file({.path = key.path, .selector = key.selector, .identity = identity},
                                     {.id = id, .names = names});
}

}  // namespace agena::stage0
