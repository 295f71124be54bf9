// Files and directories relative to directory descriptors. Names handed to these functions are our own; paths
// that come from an image or a container go through path_in_root.h.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Whole content of a file; an error when it is larger than max_bytes (a hostile or broken file must not fill
// memory).
Result<std::string> read_file(DirRef dir, const std::string& path, std::size_t max_bytes = 16U << 20U);
// Everything that can be read from a descriptor until end of file, at most max_bytes.
Result<std::string> read_all(int fd, std::size_t max_bytes = 16U << 20U);
// Writes all bytes, however many calls it takes.
Result<> write_all(int fd, std::string_view bytes);

enum class Durability { kNone, kSync };

// Creates or truncates a file in place. For files that nobody reads yet.
Result<> write_file(DirRef dir, const std::string& path, std::string_view bytes, mode_t mode = 0644);
// Replaces a file so that readers see the old or the new content: temporary name in the same directory, then
// rename.
Result<> replace_file(DirRef dir, const std::string& path, std::string_view bytes, mode_t mode = 0644,
                      Durability durability = Durability::kNone);

// mkdir(2) with exactly this mode (the umask does not count); an existing directory is fine.
Result<> make_dir(DirRef dir, const std::string& path, mode_t mode = 0755);
// As make_dir for every missing component; components are followed if they are symlinks.
Result<> make_dirs(DirRef dir, const std::string& path, mode_t mode = 0755);
// symlinkat(2); an existing symlink with the same target is fine.
Result<> make_symlink(const std::string& target, DirRef dir, const std::string& path);

// lstat(2), or nullopt-like kNotFound error.
Result<struct stat> stat_at(DirRef dir, const std::string& path, int flags = AT_SYMLINK_NOFOLLOW);
// Whether the name exists (symlinks are not followed); any other failure than ENOENT/ENOTDIR is an error.
Result<bool> exists(DirRef dir, const std::string& path);
Result<std::string> read_link(DirRef dir, const std::string& path);
// Modification time.
Nanoseconds mtime_of(const struct stat& st);
// Time of the last status change (a rename sets it on most file systems, ext4, xfs and btrfs among them).
Nanoseconds ctime_of(const struct stat& st);

// Names in a directory, without "." and "..", sorted.
Result<std::vector<std::string>> list_dir(DirRef dir, const std::string& path = ".");

// unlinkat(2); a missing name is fine.
Result<> remove_file(DirRef dir, const std::string& path);
// Removes a file or a whole tree by descriptors, never following a symlink and never leaving the file system
// it starts on. A missing name is fine.
Result<> remove_tree(DirRef dir, const std::string& path);

// renameat(2).
Result<> rename_at(DirRef from_dir, const std::string& from, DirRef to_dir, const std::string& to);
// renameat2(RENAME_NOREPLACE): kAlreadyExists if the target is there (also a non-empty directory).
Result<> rename_new(DirRef from_dir, const std::string& from, DirRef to_dir, const std::string& to);

// fsync(2) of a descriptor; of a directory; syncfs(2) of the whole file system that holds the descriptor.
Result<> sync_fd(int fd);
Result<> sync_dir(DirRef dir, const std::string& path = ".");
Result<> sync_file_system(int fd);

// Bytes that file data takes on the file system below a path (st_blocks), each hard-linked file counted once.
Result<std::uint64_t> disk_usage(DirRef dir, const std::string& path);

// Absolute path of a descriptor as the kernel tells it (readlink of /proc/self/fd/N).
Result<std::string> path_of_fd(int fd);

}  // namespace agena::sys
