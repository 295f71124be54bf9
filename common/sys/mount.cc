#include "common/sys/mount.h"

#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "common/base/strings.h"

namespace agena::sys {

std::string filesystem_log(const UniqueFd& context) {
  std::string log;
  std::array<char, 512> line{};
  // Each read returns one message, "e text" for errors; ENODATA ends them.
  while (true) {
    const ssize_t n = ::read(context.get(), line.data(), line.size());
    if (n <= 0) return log;
    std::string_view text(line.data(), static_cast<std::size_t>(n));
    if (text.starts_with("e ")) text.remove_prefix(2);
    log += (log.empty() ? "" : ", ") + printable(trim(text));
  }
}

namespace {

// An error of a file system context, with the kernel's explanation.
std::unexpected<Error> context_fail(const UniqueFd& context, const std::string& what) {
  const int saved = errno;
  const std::string log = filesystem_log(context);
  return errno_fail(saved, "{}{}", what, log.empty() ? "" : " (" + log + ")");
}

int configure(const UniqueFd& context, unsigned command, const char* key, const char* value) {
  return static_cast<int>(::syscall(SYS_fsconfig, context.get(), command, key, value, 0));
}

}  // namespace

Result<UniqueFd> make_filesystem(const FilesystemSpec& spec) {
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, spec.type.c_str(), FSOPEN_CLOEXEC)));
  if (!context) return sys_fail("file system '{}'", spec.type);
  const std::string& source = spec.source.empty() ? spec.type : spec.source;
  if (configure(context, FSCONFIG_SET_STRING, "source", source.c_str()) != 0)
    return context_fail(context, fmt::format("file system '{}': setting the source '{}'", spec.type, source));
  for (const auto& [key, value] : spec.options)
    if (configure(context, value.empty() ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key.c_str(),
                  value.empty() ? nullptr : value.c_str()) != 0)
      return context_fail(context, fmt::format("file system '{}': option '{}={}'", spec.type, key, value));
  if (configure(context, FSCONFIG_CMD_CREATE, nullptr, nullptr) != 0)
    return context_fail(context, fmt::format("creating a file system '{}'", spec.type));
  UniqueFd mount(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, spec.attributes)));
  if (!mount) return context_fail(context, fmt::format("mounting a file system '{}'", spec.type));
  return mount;
}

Result<UniqueFd> clone_mount(DirRef dir, const std::string& path, bool recursive) {
  const unsigned flags =
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  UniqueFd mount(static_cast<int>(::syscall(SYS_open_tree, dir.get(), path.c_str(), flags)));
  if (!mount) return sys_fail("taking the mount of '{}'", printable(path));
  return mount;
}

Result<> set_mount_attributes(const UniqueFd& mount, std::uint64_t set, std::uint64_t clear,
                              std::uint64_t propagation, bool recursive) {
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
  if (::syscall(SYS_mount_setattr, mount.get(), "", flags, &attributes, sizeof attributes) != 0)
    return sys_fail("changing the attributes of a mount");
  return {};
}

Result<> attach_mount(const UniqueFd& mount, const UniqueFd& target) {
  if (::syscall(SYS_move_mount, mount.get(), "", target.get(), "",
                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    return sys_fail("attaching a mount");
  return {};
}

}  // namespace agena::sys
