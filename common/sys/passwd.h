// Users and groups of a root: its own /etc/passwd and /etc/group, read without NSS (a static program cannot
// load the modules, and the host's databases are not the image's). Lines that do not hold are skipped, as
// libc does.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// A line of passwd(5); the members that somebody here needs.
struct PasswdEntry {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;  // primary group
  std::string home;
  std::string shell;
  bool operator==(const PasswdEntry&) const = default;
};

// A line of group(5).
struct GroupEntry {
  std::string name;
  gid_t gid = 0;
  std::vector<std::string> members;
  bool operator==(const GroupEntry&) const = default;
};

std::vector<PasswdEntry> parse_passwd(std::string_view text);
std::vector<GroupEntry> parse_group(std::string_view text);

// /etc/passwd and /etc/group below a root, symlinks resolved inside it; a missing file is an empty list.
Result<std::vector<PasswdEntry>> read_passwd(DirRef root);
Result<std::vector<GroupEntry>> read_group(DirRef root);

// A uid or gid as decimal text: 0 to 4294967294 (the kernel uses the last number for "unchanged"); nullopt
// for any other text.
std::optional<std::uint32_t> parse_id(std::string_view text);

// Who a program runs as.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> supplementary;  // sorted, each once
  bool operator==(const Identity&) const = default;
};

// Resolves texts of appc and docker against a root. User: a number, a name of /etc/passwd, or an absolute
// path whose owner it is; empty is 0. Group: likewise with /etc/group; empty is docker's rule: the primary
// group of the user's passwd entry, 0 without one, and as supplementary groups those that list the user.
// `extra` are added.
Result<Identity> resolve_identity(DirRef root, std::string_view user, std::string_view group,
                                  const std::vector<gid_t>& extra);
// Makes the calling process that identity: supplementary groups, then gid, then uid (the other way round the
// right to do so would be gone).
Result<> assume_groups(const Identity& identity);
Result<> assume_user(const Identity& identity);

}  // namespace agena::sys
