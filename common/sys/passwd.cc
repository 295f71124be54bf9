#include "common/sys/passwd.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"

namespace agena::sys {
namespace {

constexpr std::size_t kMaxBytes = 8U << 20U;

// Lines cut at ':', without comments, NIS marks ("+", "-") and empty names.
std::vector<std::vector<std::string>> records(std::string_view text, std::size_t min_fields) {
  std::vector<std::vector<std::string>> all;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty() || line[0] == '#' || line[0] == '+' || line[0] == '-') continue;
    std::vector<std::string> fields = split(line, ':');
    if (fields.size() >= min_fields && !fields[0].empty()) all.push_back(std::move(fields));
  }
  return all;
}

Result<std::string> read_database(DirRef root, const std::string& path) {
  auto fd = open_in_root(root, path, O_RDONLY);
  // ENOTDIR: an image may have a file where /etc belongs.
  if (!fd && (fd.error().sys_errno() == ENOENT || fd.error().sys_errno() == ENOTDIR)) return std::string();
  if (!fd) return std::unexpected(std::move(fd).error());
  return TRY_CTX(read_all(fd->get(), kMaxBytes), "file '{}'", path);
}

}  // namespace

std::optional<std::uint32_t> parse_id(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto number = parse_uint(text, UINT32_MAX - 1);
  return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

std::vector<PasswdEntry> parse_passwd(std::string_view text) {
  std::vector<PasswdEntry> entries;
  for (std::vector<std::string>& fields : records(text, 4)) {
    const auto uid = parse_id(fields[2]);
    const auto gid = parse_id(fields[3]);
    if (!uid || !gid) continue;
    fields.resize(7);
    entries.push_back({std::move(fields[0]), *uid, *gid, std::move(fields[5]), std::move(fields[6])});
  }
  return entries;
}

std::vector<GroupEntry> parse_group(std::string_view text) {
  std::vector<GroupEntry> entries;
  for (std::vector<std::string>& fields : records(text, 3)) {
    const auto gid = parse_id(fields[2]);
    if (!gid) continue;
    GroupEntry entry{std::move(fields[0]), *gid, {}};
    if (fields.size() > 3)
      for (const std::string& member : split(fields[3], ','))
        if (!member.empty()) entry.members.push_back(member);
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::vector<PasswdEntry>> read_passwd(DirRef root) {
  return parse_passwd(TRY(read_database(root, "/etc/passwd")));
}

Result<std::vector<GroupEntry>> read_group(DirRef root) {
  return parse_group(TRY(read_database(root, "/etc/group")));
}

namespace {

Result<struct stat> owner_of(DirRef root, std::string_view path) {
  const UniqueFd fd = TRY_CTX(open_in_root(root, std::string(path), O_PATH), "looking for the owner of '{}'",
                              printable(path));
  return stat_at(DirRef(fd.get()), "", AT_EMPTY_PATH);
}

struct User {
  uid_t uid = 0;
  std::optional<PasswdEntry> entry;
};

// A number has the entry of its uid, if there is one; a name must have one.
Result<User> resolve_user(DirRef root, std::string_view text, bool want_entry) {
  if (text.starts_with('/')) return User{TRY(owner_of(root, text)).st_uid, std::nullopt};
  const auto number = text.empty() ? std::optional<uid_t>(0) : parse_id(text);
  if (number && !want_entry) return User{*number, std::nullopt};
  const std::vector<PasswdEntry> entries = TRY(read_passwd(root));
  const auto it = std::ranges::find_if(
      entries, [&](const PasswdEntry& entry) { return number ? entry.uid == *number : entry.name == text; });
  if (it != entries.end()) return User{it->uid, *it};
  if (number) return User{*number, std::nullopt};
  return fail(ErrorKind::kNotFound, "user '{}' not found in the image's /etc/passwd", printable(text));
}

Result<gid_t> resolve_group(DirRef root, std::string_view text) {
  if (text.starts_with('/')) return TRY(owner_of(root, text)).st_gid;
  if (const auto number = parse_id(text)) return *number;
  const std::vector<GroupEntry> entries = TRY(read_group(root));
  const auto it = std::ranges::find(entries, text, &GroupEntry::name);
  if (it != entries.end()) return it->gid;
  return fail(ErrorKind::kNotFound, "group '{}' not found in the image's /etc/group", printable(text));
}

}  // namespace

Result<Identity> resolve_identity(DirRef root, std::string_view user, std::string_view group,
                                  const std::vector<gid_t>& extra) {
  const User found = TRY(resolve_user(root, user, group.empty()));
  Identity identity{.uid = found.uid, .gid = 0, .supplementary = extra};
  if (!group.empty()) {
    identity.gid = TRY(resolve_group(root, group));
  } else if (found.entry) {
    identity.gid = found.entry->gid;
    for (const GroupEntry& entry : TRY(read_group(root)))
      if (std::ranges::find(entry.members, found.entry->name) != entry.members.end())
        identity.supplementary.push_back(entry.gid);
  }
  std::ranges::sort(identity.supplementary);
  const auto repeated = std::ranges::unique(identity.supplementary);
  identity.supplementary.erase(repeated.begin(), repeated.end());
  return identity;
}

Result<> assume_groups(const Identity& identity) {
  if (::setgroups(identity.supplementary.size(), identity.supplementary.data()) != 0)
    return sys_fail("setting {} supplementary groups", identity.supplementary.size());
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0)
    return sys_fail("changing to group {}", identity.gid);
  return {};
}

Result<> assume_user(const Identity& identity) {
  if (::setresuid(identity.uid, identity.uid, identity.uid) != 0)
    return sys_fail("changing to user {}", identity.uid);
  return {};
}

}  // namespace agena::sys
