#include "common/sys/mount_plan.h"

#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/path_in_root.h"
#include "common/sys/user_namespace.h"

namespace agena::sys {
namespace {

struct Place {
  DirFd parent;
  std::string name;
};

// Parent directory of a target, made if missing, and the last name.
Result<Place> place_of(const DirFd& root, const std::string& target) {
  const std::size_t slash = target.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : target.substr(0, slash + 1);
  return Place{TRY(make_dirs_in_root(root, parent)),
               target.substr(slash == std::string::npos ? 0 : slash + 1)};
}

bool already_there(const std::unexpected<Error>& error) { return error.error().sys_errno() == EEXIST; }

Result<> make_directory(const MountRoots& roots, const MountOp& op) {
  const Place place = TRY(place_of(roots.target, op.target));
  return make_dir(place.parent, place.name, op.mode);
}

Result<> make_file(const MountRoots& roots, const MountOp& op) {
  (void)TRY(make_mount_point(roots.target, op.target, true));
  return {};
}

Result<> make_link(const MountRoots& roots, const MountOp& op) {
  const Place place = TRY(place_of(roots.target, op.target));
  if (::symlinkat(op.source.c_str(), place.parent.get(), place.name.c_str()) == 0 || errno == EEXIST)
    return {};
  return sys_fail("creating the symlink");
}

Result<> make_node(const MountRoots& roots, const MountOp& op) {
  const Place place = TRY(place_of(roots.target, op.target));
  if (::mknodat(place.parent.get(), place.name.c_str(), op.mode, op.device) != 0) {
    auto error = sys_fail("creating the device node");
    return already_there(error) ? Result<>() : Result<>(error);
  }
  // Without AT_SYMLINK_NOFOLLOW, which glibc takes from /proc, and a pod's is no use to who is not in it: what
  // was just made here is no symlink.
  if (::fchmodat(place.parent.get(), place.name.c_str(), op.mode & 07777U, 0) != 0)
    return sys_fail("setting the mode of the device node");
  return {};
}

Result<UniqueFd> open_target(const DirFd& root, const MountOp& op, bool file) {
  auto target = make_mount_point(root, op.target, file);
  if (!target && target.error().sys_errno() == EROFS)
    return fail(ErrorKind::kInvalidInput,
                "there is nothing at '{}' to mount it on, and what is around is read-only",
                printable(op.target));
  if (!target) return target;
  struct stat st{};
  if (::fstat(target->get(), &st) != 0) return sys_fail("reading attributes of the target");
  if (S_ISDIR(st.st_mode) == file)
    return fail(ErrorKind::kInvalidInput, "the source is a {}, but '{}' is a {}", file ? "file" : "directory",
                printable(op.target), file ? "directory" : "file");
  return target;
}

Result<> attach_at(const DirFd& root, const MountOp& op, const UniqueFd& mount, bool file) {
  return attach_mount(mount, TRY(open_target(root, op, file)));
}

Result<> mount_filesystem(const MountRoots& roots, const MountOp& op) {
  const UniqueFd mount = TRY(make_filesystem({op.type, op.source, op.options, op.attributes}));
  return attach_at(roots.target, op, mount, false);
}

// Inside the roots a path of an image cannot lead out of them.
Result<UniqueFd> open_source(const MountRoots& roots, const MountOp& op) {
  switch (op.from) {
    case MountSource::kTarget:
      return open_in_root(roots.target, op.source, O_PATH);
    case MountSource::kPod:
      return open_in_root(roots.pod, op.source, O_PATH);
    case MountSource::kHost:
      break;
  }
  return open_at(at_cwd(), op.source, O_PATH);
}

// A device that was asked for is to be of use, also where the host has it on a file system for plain files.
Result<std::uint64_t> attributes_to_clear(const UniqueFd& source, const struct stat& st) {
  if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) return 0;
  struct statvfs fs{};
  if (::fstatvfs(source.get(), &fs) != 0) return sys_fail("reading the flags of the source's mount");
  return (fs.f_flag & ST_NODEV) != 0 ? std::uint64_t{MOUNT_ATTR_NODEV} : 0;
}

// A copy of a shared mount is shared with it already.
std::uint64_t propagation_flag(Propagation propagation) {
  switch (propagation) {
    case Propagation::kPrivate:
      return MS_PRIVATE;
    case Propagation::kSlave:
      return MS_SLAVE;
    case Propagation::kShared:
      break;
  }
  return 0;
}

// The mount that an operation binds.
Result<DetachedMount> make_bind(const MountRoots& roots, const MountOp& op) {
  const auto source = open_source(roots, op);
  const bool missing = !source && source.error().sys_errno() == ENOENT;
  if (missing && op.missing == MissingSource::kSkip) return DetachedMount();
  if (missing && op.from == MountSource::kHost)
    return fail(ErrorKind::kNotFound, "the host has no '{}'", printable(op.source));
  if (!source) return std::unexpected(source.error());
  struct stat st{};
  if (::fstat(source->get(), &st) != 0) return sys_fail("reading attributes of the source");
  UniqueFd mount = TRY(clone_mount(DirRef(source->get()), "", op.recursive));
  if (op.map_ids && roots.user_namespace != nullptr)
    TRY_CTX(map_mount_ids(mount, *roots.user_namespace, op.recursive), "'{}'", printable(op.source));
  TRY(set_mount_attributes(mount, op.attributes, TRY(attributes_to_clear(*source, st)),
                           propagation_flag(op.propagation), op.recursive));
  return DetachedMount{.fd = std::move(mount), .is_file = !S_ISDIR(st.st_mode)};
}

bool is_of_host(const MountOp& op) { return op.kind == MountKind::kBind && op.from == MountSource::kHost; }

Result<> mount_bind(const MountRoots& roots, const MountOp& op) {
  const bool prepared = roots.host != nullptr && is_of_host(op);
  const DetachedMount mount = TRY(prepared ? roots.host->take(op) : make_bind(roots, op));
  return mount.fd ? attach_at(roots.target, op, mount.fd, mount.is_file) : Result<>();
}

struct KindRow {
  MountKind value;
  const char* name;
  Result<> (*run)(const MountRoots&, const MountOp&);
};
constexpr std::array kKinds = {
    KindRow{MountKind::kFilesystem, "mount", mount_filesystem},
    KindRow{MountKind::kBind, "bind", mount_bind},
    KindRow{MountKind::kDirectory, "directory", make_directory},
    KindRow{MountKind::kFile, "file", make_file},
    KindRow{MountKind::kSymlink, "symlink", make_link},
    KindRow{MountKind::kNode, "node", make_node},
};

// Prefixes of the source in a line, by MountSource; words by Propagation.
constexpr std::array kSourcePrefixes = {"", "target:", "pod:"};
constexpr std::array kPropagationWords = {"", " slave", " shared"};

const KindRow& row_of(MountKind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }

std::string line_of(const MountOp& op) {
  std::string line = fmt::format("{} {}", row_of(op.kind).name, printable(op.target));
  if (!op.type.empty()) line += " type=" + op.type;
  if (!op.source.empty())
    line += fmt::format(" source={}{}", kSourcePrefixes.at(static_cast<std::size_t>(op.from)),
                        printable(op.source));
  for (const auto& [key, value] : op.options)
    line += fmt::format(" {}{}{}", key, value.empty() ? "" : "=", value);
  if (op.attributes != 0) line += fmt::format(" attributes={:#x}", op.attributes);
  if (op.kind == MountKind::kNode || op.kind == MountKind::kDirectory)
    line += fmt::format(" mode={:o}", op.mode);
  if (op.device != 0) line += fmt::format(" device={}:{}", major(op.device), minor(op.device));
  if (op.recursive) line += " recursive";
  if (op.map_ids) line += " map-ids";
  line += kPropagationWords.at(static_cast<std::size_t>(op.propagation));
  if (op.missing == MissingSource::kSkip) line += " optional";
  if (op.only_existing_target) line += " only-existing-target";
  if (op.only_missing_target) line += " only-missing-target";
  return line;
}

// What the mount of an operation depends on.
std::string key_of(const MountOp& op) {
  return fmt::format("{} {:#x} {}{}{}{}", op.source, op.attributes, op.recursive, op.map_ids,
                     static_cast<int>(op.propagation), static_cast<int>(op.missing));
}

Result<> run_op(const MountRoots& roots, const MountOp& op) {
  if (op.only_existing_target || op.only_missing_target) {
    const auto target = open_in_root(roots.target, op.target, O_PATH);
    if (!target && target.error().sys_errno() != ENOENT) return std::unexpected(target.error());
    if (target ? op.only_missing_target : op.only_existing_target) return {};
  }
  return row_of(op.kind).run(roots, op);
}

}  // namespace

Result<> HostMounts::add(const MountPlan& plan, const UniqueFd* user_namespace) {
  const DirFd nowhere;
  for (const MountOp& op : plan)
    if (is_of_host(op))
      mounts_.emplace_back(
          key_of(op), TRY_CTX(make_bind({nowhere, nowhere, user_namespace}, op), "{}",
                              op.subject.empty() ? "setting up '" + printable(op.target) + "'" : op.subject));
  return {};
}

Result<DetachedMount> HostMounts::take(const MountOp& op) {
  const auto found = std::ranges::find(mounts_, key_of(op), &std::pair<std::string, DetachedMount>::first);
  if (found == mounts_.end())
    return fail(ErrorKind::kInternal, "nothing of the host was made ready for '{}'", printable(op.source));
  DetachedMount mount = std::move(found->second);
  mounts_.erase(found);
  return mount;
}

std::string to_string(const MountPlan& plan) {
  std::string text;
  for (const MountOp& op : plan) text += line_of(op) + "\n";
  return text;
}

Result<> run_mount_plan(const MountRoots& roots, const MountPlan& plan) {
  for (const MountOp& op : plan)
    if (op.subject.empty())
      TRY_CTX(run_op(roots, op), "setting up '{}'", printable(op.target));
    else
      TRY_CTX(run_op(roots, op), "{}", op.subject);
  return {};
}

bool is_at_or_below(std::string_view path, std::string_view other) {
  if (other.empty() || path == other) return true;
  return path.starts_with(other) && path[other.size()] == '/';
}

Result<> order_by_place(const DirFd& root, MountPlan& plan) {
  for (MountOp& op : plan)
    op.target = TRY_CTX(resolve_in_root(root, op.target), "resolving '{}'", printable(op.target));
  std::ranges::stable_sort(plan, {}, &MountOp::target);
  return {};
}

}  // namespace agena::sys
