// Copying single files with everything that belongs to them: content with its holes, owner, mode, extended
// attributes, times. Names are relative to open directories and never followed if they are symlinks.
#pragma once

#include <sys/stat.h>

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/id_range.h"

namespace agena::sys {

// A name in an open directory.
struct EntryAt {
  DirRef dir;
  const std::string& name;
};

// Whose a copy is: of the same owner, or as far as the owner is beyond the ids of a pod, of nobody there.
// Sources that are seen through an idmapped mount have the pod's ids already.
struct OwnerRule {
  const IdRange* ids = nullptr;  // of the pod; none: any owner

  std::uint32_t operator()(std::uint32_t id) const;
};

// Makes a copy of anything but a directory (file, symlink, device, FIFO, socket) under a new name. `st` is
// the source's lstat.
Result<> copy_non_directory(const EntryAt& from, const struct stat& st, const EntryAt& to,
                            const OwnerRule& owner = {});

// Gives a directory owner, mode, extended attributes and times of another. The times hold only if nothing is
// made in the directory afterwards.
Result<> copy_directory_attributes(const DirFd& from, const DirFd& to, const OwnerRule& owner = {});

// Copies everything below a directory into an empty one, and then its attributes. Names of one file become
// files of their own.
Result<> copy_directory(const DirFd& from, const DirFd& to);

}  // namespace agena::sys
