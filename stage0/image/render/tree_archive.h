// Things in trees as an archive that is made while it is read.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {

// Whether a node of a layer in overlayfs form stands for a deleted one, and whether a directory of it hides
// what lower layers have there.
bool is_whiteout(const struct stat& st);
Result<bool> is_opaque(const sys::DirFd& dir);

// Whether an error says that something is not there, or has become something else.
bool is_gone(const Error& error);

// Extended attributes of a node (not a symlink; the descriptor may be an O_PATH one) that mean the same
// wherever an archive is unpacked, sorted by name: user.*, file capabilities, access lists.
Result<std::vector<TarEntry::Xattr>> portable_xattrs(int fd);

// A member of the archive to be.
struct ArchiveMember {
  enum class Kind {
    kNode,      // what is at the path
    kWhiteout,  // that nothing is there any more: ".wh.NAME"
    kOpaque,    // that only this archive's things are in the directory: ".wh..wh..opq"
  };
  std::size_t tree = 0;   // which it comes from
  std::string path = {};  // in the tree; empty: its root
  std::string link = {};  // path of an earlier member that is the same file; empty if none
  Kind kind = Kind::kNode;
};

// How the archive is made.
struct ArchiveForm {
  std::string prefix = {};  // leads all paths ("rootfs"), or empty
  std::string start = {};   // what the archive begins with
  // The first tree may change meanwhile. Things of it that are gone are left out; a file has the length that
  // it had when its turn came, filled up with zeros if it has become shorter.
  bool live = false;
  // The trees are no layers: what overlayfs's attributes say has no meaning in them. Else one that refers to
  // lower layers in a way that only overlayfs can follow is an error.
  bool plain = false;
  // The archive is a layer: what is deleted while it is read becomes a ".wh." file, too.
  bool layer = false;
  // Told what cannot stand in an archive (sockets), and what happened to a live tree. May be empty.
  std::function<void(const std::string& note)> note = {};
};

// The archive of the members, in their order.
std::unique_ptr<ByteSource> open_tree_archive(std::vector<sys::DirFd> trees,
                                              std::vector<ArchiveMember> members, ArchiveForm form);

// The bytes of a member that is a plain file of root's, with this content.
Result<std::string> plain_member(const std::string& path, const std::string& content);

}  // namespace agena::stage0
