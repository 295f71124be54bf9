// User namespaces: making them, mounts whose ids are mapped by them, and writing files that belong to one's
// root.
#pragma once

#include <sys/types.h>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/id_range.h"

namespace agena::sys {

// Writes the id maps of a process that was born in a new user namespace and waits for that: 0 and up there
// are the range here. `process` is its directory below /proc.
Result<> write_id_maps(pid_t process, const IdRange& ids);

// A descriptor of a new user namespace in which no process lives: its maps serve for idmapped mounts. An
// error that comes from the host's settings has a hint.
Result<UniqueFd> make_user_namespace(const IdRange& ids);
// The other way round, for reading what such a namespace has written: by an idmapped mount with it, files of
// SHIFT+N show as those of N.
Result<UniqueFd> make_reverse_user_namespace(const IdRange& ids);

// Takes on the ids 0 of the user namespace that the calling process has joined, and no other groups.
Result<> become_root();

// A detached copy of the mount at a directory, without submounts, in which files of id N (N < count) show as
// those of SHIFT+N, and what SHIFT+N writes is stored as N (mount_setattr(2), MOUNT_ATTR_IDMAP). Ids beyond
// the count show as nobody's. kUnsupported, with a hint, where the file system or the kernel cannot.
Result<UniqueFd> clone_idmapped(DirRef dir, const std::string& path, const UniqueFd& user_namespace);
// The same on a detached mount, which must not have been attached yet, and on those below it.
Result<> map_mount_ids(const UniqueFd& mount, const UniqueFd& user_namespace, bool recursive = false);

// While it lives, files that this thread makes belong to the root of a user namespace (setfsuid(2)), or to
// the process's own user again inside the life of such a one; the thread keeps its capabilities. Anything
// that the thread execs meanwhile starts as itself again.
class FileOwner {
 public:
  static Result<FileOwner> become(const IdRange& ids);
  static Result<FileOwner> become_self();
  FileOwner(FileOwner&& other) noexcept : before_(other.before_), active_(other.active_) {
    other.active_ = false;
  }
  FileOwner& operator=(FileOwner&&) = delete;
  FileOwner(const FileOwner&) = delete;
  FileOwner& operator=(const FileOwner&) = delete;
  ~FileOwner();

 private:
  struct Ids {
    uid_t uid;
    gid_t gid;
  };
  static Ids now();
  static Result<> change(const Ids& ids);
  static Result<FileOwner> become(const Ids& ids);
  explicit FileOwner(const Ids& before) : before_(before) {}
  Ids before_;
  bool active_ = true;
};

}  // namespace agena::sys
