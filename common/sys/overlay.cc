#include "common/sys/overlay.h"

#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "common/sys/mount.h"

namespace agena::sys {
namespace {

int set_fd(const UniqueFd& context, const char* key, const DirFd& dir) {
  return static_cast<int>(::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_FD, key, nullptr, dir.get()));
}

int set_flag(const UniqueFd& context, const char* key) {
  return static_cast<int>(::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_FLAG, key, nullptr, 0));
}

int set_text(const UniqueFd& context, const char* key, const char* value) {
  return static_cast<int>(::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, key, value, 0));
}

// EINVAL before anything else is set: the kernel does not know the parameter, or not as a descriptor.
std::unexpected<Error> refused(const UniqueFd& context, const char* what) {
  const int saved = errno;
  const std::string log = filesystem_log(context);
  return errno_fail(saved, "overlay: {}{}", what, log.empty() ? "" : " (" + log + ")");
}

}  // namespace

Result<> check_overlay_spec(const OverlaySpec& spec) {
  if (spec.lowers.empty() || (spec.upper == nullptr) != (spec.work == nullptr))
    return fail(ErrorKind::kInternal, "overlay: incomplete description");
  if (spec.lowers.size() > kMaxOverlayLayers)
    return fail(ErrorKind::kUnsupported, "overlay: {} layers, the kernel allows {}", spec.lowers.size(),
                kMaxOverlayLayers);
  return {};
}

Result<UniqueFd> make_overlay(const OverlaySpec& spec) {
  TRY(check_overlay_spec(spec));
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
  if (!context) return sys_fail("file system 'overlay'");
  for (const DirFd* lower : spec.lowers) {
    if (set_fd(context, "lowerdir+", *lower) == 0) continue;
    // Before 6.5 overlay's options were text only, to which fsconfig(2) says EOPNOTSUPP.
    const bool unknown = (errno == EINVAL || errno == EOPNOTSUPP) && lower == spec.lowers.front();
    auto error = refused(context, "adding a layer");
    if (unknown) return fail(ErrorKind::kUnsupported, "{}", error.error().message());
    return error;
  }
  if (spec.upper != nullptr && set_fd(context, "upperdir", *spec.upper) != 0)
    return refused(context, "setting the writable layer");
  if (spec.work != nullptr && set_fd(context, "workdir", *spec.work) != 0)
    return refused(context, "setting the work directory");
  if (spec.upper != nullptr)
    for (const auto& [key, value] : kPlainUpper)
      if (set_text(context, key, value) != 0) return refused(context, key);
  if (spec.volatile_upper && set_flag(context, "volatile") != 0) return refused(context, "option 'volatile'");
  if (!spec.selinux_context.empty() && set_text(context, "context", spec.selinux_context.c_str()) != 0)
    return refused(context, "setting the SELinux context");
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return refused(context, "creating the mount");
  UniqueFd mount(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV)));
  if (!mount) return refused(context, "creating the mount");
  return mount;
}

Result<> mount_overlay(const OverlaySpec& spec, const UniqueFd& target) {
  auto mount = make_overlay(spec);
  if (mount) return attach_mount(*mount, target);
  if (mount.error().kind() != ErrorKind::kUnsupported) return std::unexpected(std::move(mount).error());
  return mount_overlay_by_path(spec, target);
}

}  // namespace agena::sys
