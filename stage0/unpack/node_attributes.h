// Owner, mode, extended attributes and times of what an archive describes, and setting them. Internal to
// stage0/unpack.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/record_format.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {

// Oddities for the user; the first 50 are kept, the rest counted.
class Warnings {
 public:
  void add(std::string text);
  // All of them, with a closing line for those that were not kept.
  std::vector<std::string> take();

 private:
  std::vector<std::string> kept_;
  std::size_t more_ = 0;
};

struct Timestamp {
  std::int64_t sec = 0;
  std::uint32_t nsec = 0;
};

struct Attributes {
  std::uint32_t mode = 0755;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  Timestamp mtime;
  std::vector<TarEntry::Xattr> xattrs;

  // Whether it differs in anything but the time from 0755 root:root without xattrs.
  bool is_special() const { return mode != 0755 || uid != 0 || gid != 0 || !xattrs.empty(); }
};

// The attributes that an entry asks for. Of its xattrs only those that mean the same in every container are
// kept (user.*, security.capability, POSIX ACLs); overlayfs's own would let an image redirect or hide files.
Attributes attributes_of(TarEntry& entry, Warnings& warnings);
// The attributes that something on disk has; the descriptor may be an O_PATH one. Xattrs as above.
Result<Attributes> attributes_of_fd(int fd);

// Setting follows one order: owner first (chown clears setuid bits and capabilities), then mode, then xattrs,
// times last. Xattrs that cannot be set are taken out of the attributes. `shown` is the path for messages.

// Owner, mode, xattrs of an open file or directory (not O_PATH).
Result<> set_attributes(int fd, Attributes& attributes, std::string_view shown, Warnings& warnings);
// Owner, mode (not of a symlink), xattrs and mtime of a name that was just made.
Result<> set_attributes_at(int dir, const std::string& name, bool symlink, Attributes& attributes,
                           std::string_view shown, Warnings& warnings);
Result<> set_mtime(int fd, Timestamp mtime, std::string_view shown);
// Of a name, without following a symlink.
Result<> set_mtime_at(int dir, const std::string& name, Timestamp mtime, std::string_view shown);

// Copies the attributes to a record's line. What the file system may have made of them is read back: times
// outside of 32 bits, the mode beside an ACL.
Result<> describe(const Attributes& attributes, int dir, const std::string& name, RecordLine& line);

}  // namespace agena::stage0
