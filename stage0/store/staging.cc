#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

// Whether the name still stands for the open directory: a cleaner may have renamed it between our mkdir and
// our lock. That it cannot be seen is no reason to believe so.
Result<bool> is_still(sys::DirRef parent, const std::string& name, const sys::DirFd& dir) {
  struct stat by_name{};
  struct stat by_fd{};
  if (::fstatat(parent.get(), name.c_str(), &by_name, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return sys_fail("reading attributes of staging directory '{}'", name);
  }
  if (::fstat(dir.get(), &by_fd) != 0) return sys_fail("reading attributes of staging directory '{}'", name);
  return by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

}  // namespace

Result<std::optional<sys::DirFd>> try_lock_dir(sys::DirRef parent, const std::string& name) {
  auto opened = sys::open_dir(parent, name, O_NOFOLLOW);
  if (!opened && opened.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  if (!opened) return std::unexpected(std::move(opened).error());
  auto lock = TRY(sys::FileLock::try_now(std::move(*opened), sys::LockMode::kExclusive));
  if (!lock) return std::nullopt;
  sys::DirFd dir(lock->take().release());
  if (!TRY(is_still(parent, name, dir))) return std::nullopt;
  return dir;
}

std::string unique_name() {
  std::array<char, 8> bytes{};
  // Cannot fail for so few bytes once the machine is up (getrandom(2)).
  (void)!::getrandom(bytes.data(), bytes.size(), 0);
  return fmt::format("{}-{}", ::getpid(), to_hex({bytes.data(), bytes.size()}));
}

Staging::~Staging() { drop(); }

Staging& Staging::operator=(Staging&& other) noexcept {
  if (this != &other) {
    drop();
    name_ = std::move(other.name_);
    parent_ = std::move(other.parent_);
    dir_ = std::move(other.dir_);
  }
  return *this;
}

void Staging::drop() noexcept {
  if (!dir_ || !is_still(parent_, name_, dir_).value_or(false)) return;
  // What cannot be removed now is removed by the next cleaner.
  if (const auto removed = sys::remove_tree(parent_, name_); !removed)
    log::debug("store: {}", removed.error().to_string());
}

Result<> Store::claim(const Staging& work, std::span<const LayerKey> keys) const {
  std::string lines;
  for (const LayerKey& key : keys) lines += key.str() + "\n";
  // A sweep that has read the claims already ends first, and what it took is seen to be gone.
  const sys::FileLock lock = TRY(lock_prepare(sys::LockMode::kShared));
  return sys::replace_file(work.dir(), layout::kClaims, lines, 0600);
}

Result<Staging> Store::stage() const {
  if (mode_ == Mode::kReadOnly)
    return fail(ErrorKind::kPermission, "the store in '{}' is open for reading only", path_);
  return make_staging();
}

Result<std::optional<Staging>> Store::hold_layers(std::span<const LayerKey> keys) const {
  if (!cas_) return std::nullopt;
  auto hold = [&]() -> Result<std::optional<Staging>> {
    Staging staging = TRY(make_staging());
    TRY(claim(staging, keys));
    return std::optional<Staging>(std::move(staging));
  };
  auto held = hold();
  // Reading is possible all the same; a full disk is when people look into images.
  const int error = held ? 0 : held.error().sys_errno();
  if (error == EROFS || error == ENOSPC || error == EDQUOT) return std::nullopt;
  return held;
}

Result<Staging> Store::make_staging() const {
  sys::DirFd parent = TRY(sys::open_dir(cas_, layout::kStaging));
  while (true) {
    const std::string name = unique_name();
    if (::mkdirat(parent.get(), name.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return sys_fail("creating a staging directory in '{}/{}'", path_, layout::kCas);
    }
    auto dir = TRY(try_lock_dir(parent, name));
    // A cleaner got it first and removes it.
    if (!dir) continue;
    return Staging(name, std::move(parent), *std::move(dir));
  }
}

Result<StagedLayer> Store::stage_layer() const {
  Staging staging = TRY(stage());
  if (::mkdirat(staging.dir().get(), layout::kLayerFs, 0700) != 0)
    return sys_fail("creating a layer directory");
  sys::DirFd fs = TRY(sys::open_dir(staging.dir(), layout::kLayerFs, O_NOFOLLOW));
  if (::fchmod(fs.get(), 0755) != 0) return sys_fail("setting the mode of a layer directory");
  sys::UniqueFd record =
      TRY(sys::open_at(staging.dir(), layout::kLayerRecord, O_RDWR | O_CREAT | O_EXCL, 0600));
  sys::UniqueFd skeleton =
      TRY(sys::open_at(staging.dir(), layout::kLayerArchive, O_RDWR | O_CREAT | O_EXCL, 0600));
  return StagedLayer{.staging = std::move(staging),
                     .fs = std::move(fs),
                     .record = std::move(record),
                     .skeleton = std::move(skeleton)};
}

Result<> move_to_trash(const sys::DirFd& cas, const std::string& path, const std::string& name) {
  const sys::DirFd trash = TRY(sys::open_dir(cas, layout::kTrash));
  return sys::rename_at(cas, path, trash, fmt::format("{}.{}", name, unique_name()));
}

Result<> write_shared_file(const sys::DirFd& cas, const Staging& staging, const std::string& name,
                           std::string_view bytes) {
  TRY(sys::write_file(staging.dir(), name, bytes, 0660));
  const sys::UniqueFd file = TRY(sys::open_at(staging.dir(), name, O_RDONLY | O_NOFOLLOW));
  // Staging directories are root's alone and hand no group down.
  struct stat st{};
  if (::fstat(cas.get(), &st) != 0 || ::fchown(file.get(), static_cast<uid_t>(-1), st.st_gid) != 0)
    return sys_fail("setting the group of '{}'", name);
  return sys::sync_fd(file.get());
}

Result<std::vector<std::string>> collect_claims(const sys::DirFd& cas) {
  std::vector<std::string> claims;
  const sys::DirFd parent = TRY(sys::open_dir(cas, layout::kStaging));
  for (const std::string& name : TRY(sys::list_dir(parent, "."))) {
    const auto text = sys::read_file(parent, fmt::format("{}/{}", name, layout::kClaims));
    if (!text && (text.error().kind() == ErrorKind::kNotFound || text.error().sys_errno() == ENOTDIR))
      continue;
    if (!text) return std::unexpected(text.error());
    // Who wrote it keeps it locked while it lives.
    if (TRY(try_lock_dir(parent, name))) continue;
    for (std::string& line : split(*text, '\n')) claims.push_back(std::move(line));
  }
  return claims;
}

}  // namespace agena::stage0
