// Deleting what was renamed away.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/sys/fs.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

// This thread's share of the disk and the CPU is what nobody else wants, as long as this lives.
class LowPriority {
 public:
  LowPriority() : nice_(::getpriority(PRIO_PROCESS, thread())), io_(io_priority()) {
    // Whether it helps depends on the kernel's scheduler; deleting goes on in any case.
    (void)::setpriority(PRIO_PROCESS, thread(), kLeastNice);
    set_io_priority(kIdle);
  }
  LowPriority(const LowPriority&) = delete;
  LowPriority& operator=(const LowPriority&) = delete;
  ~LowPriority() {
    (void)::setpriority(PRIO_PROCESS, thread(), nice_);
    if (io_ >= 0) set_io_priority(static_cast<int>(io_));
  }

 private:
  static constexpr int kLeastNice = 19;
  static id_t thread() { return static_cast<id_t>(::gettid()); }
  // ioprio_set(2). Not by <linux/ioprio.h>: in some of its versions a parameter is called `class`.
  static constexpr int kOfThread = 1;    // IOPRIO_WHO_PROCESS
  static constexpr int kIdle = 3 << 13;  // IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)
  static long io_priority() { return ::syscall(SYS_ioprio_get, kOfThread, 0); }
  static void set_io_priority(int value) { (void)::syscall(SYS_ioprio_set, kOfThread, 0, value); }
  int nice_;
  long io_;
};

// Whether somebody works in a staging directory: imports, most likely.
Result<bool> is_anybody_importing(const sys::DirFd& cas) {
  const sys::DirFd staging = TRY(sys::open_dir(cas, layout::kStaging));
  for (const std::string& name : TRY(sys::list_dir(staging)))
    if (!TRY(try_lock_dir(staging, name)) && TRY(sys::exists(staging, name))) return true;
  return false;
}

// Whether the disk needs the room now.
bool is_nearly_full(const sys::DirFd& cas) {
  constexpr std::uint64_t kEnough = 1U << 30U;
  constexpr std::uint64_t kShare = 10;
  struct statvfs fs{};
  if (::fstatvfs(cas.get(), &fs) != 0) return true;
  return fs.f_bavail * fs.f_frsize < kEnough || fs.f_bavail < fs.f_blocks / kShare;
}

// Deletes one name in the trash, unless another process is at it.
Result<> remove_one(const sys::DirFd& trash, const std::string& name) {
  const auto st = sys::stat_at(trash, name);
  if (!st) return {};
  if (!S_ISDIR(st->st_mode)) return sys::remove_file(trash, name);
  const auto dir = TRY(try_lock_dir(trash, name));
  return dir ? sys::remove_tree(trash, name) : Result<>();
}

}  // namespace

Result<> Store::bury_dead_staging() const {
  ErrorList errors;
  const sys::DirFd staging = TRY(sys::open_dir(cas_, layout::kStaging));
  const auto put_back = [&](const sys::DirFd& dead) {
    const auto done = put_back_aside(cas_, dead);
    if (!done) errors.add(done.error());
    return done.has_value();
  };
  for (const std::string& name : TRY(sys::list_dir(staging))) {
    const auto st = sys::stat_at(staging, name);
    if (!st) continue;
    const auto dir =
        S_ISDIR(st->st_mode) ? try_lock_dir(staging, name) : Result<std::optional<sys::DirFd>>(sys::DirFd());
    if (!dir)
      errors.add(dir.error());
    else if (*dir && S_ISDIR(st->st_mode) && !put_back(**dir))
      continue;
    else if (*dir)
      errors.add_if(move_to_trash(cas_, fmt::format("{}/{}", layout::kStaging, name), name));
  }
  return errors.to_result();
}

Result<> Store::empty_trash() const {
  ErrorList errors;
  errors.add_if(bury_dead_staging());
  const sys::DirFd trash = TRY(sys::open_dir(cas_, layout::kTrash));
  const LowPriority low;
  for (const std::string& name : TRY(sys::list_dir(trash))) errors.add_if(remove_one(trash, name));
  return errors.to_result();
}

Result<bool> Store::delete_trash() const {
  ErrorList errors;
  errors.add_if(bury_dead_staging());
  const sys::DirFd trash = TRY(sys::open_dir(cas_, layout::kTrash));
  const LowPriority low;
  bool deferred = false;
  for (const std::string& name : TRY(sys::list_dir(trash))) {
    // Asked again before each: an import may have begun.
    deferred = TRY(is_anybody_importing(cas_)) && !is_nearly_full(cas_);
    if (deferred) break;
    errors.add_if(remove_one(trash, name));
  }
  TRY(errors.to_result());
  return !deferred;
}

Result<> Store::tidy() const {
  if (is_nearly_full(cas_)) return empty_trash();
  return bury_dead_staging();
}

}  // namespace agena::stage0
