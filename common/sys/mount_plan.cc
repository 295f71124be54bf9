#include "common/sys/mount_plan.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/path_in_root.h"

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

Result<> make_directory(const DirFd& root, const MountOp& op) {
  const Place place = TRY(place_of(root, op.target));
  return make_dir(place.parent, place.name, op.mode);
}

Result<> make_file(const DirFd& root, const MountOp& op) {
  (void)TRY(make_mount_point(root, op.target, true));
  return {};
}

Result<> make_link(const DirFd& root, const MountOp& op) {
  const Place place = TRY(place_of(root, op.target));
  if (::symlinkat(op.source.c_str(), place.parent.get(), place.name.c_str()) == 0 || errno == EEXIST)
    return {};
  return sys_fail("creating the symlink");
}

Result<> make_node(const DirFd& root, const MountOp& op) {
  const Place place = TRY(place_of(root, op.target));
  if (::mknodat(place.parent.get(), place.name.c_str(), op.mode, op.device) != 0) {
    auto error = sys_fail("creating the device node");
    return already_there(error) ? Result<>() : Result<>(error);
  }
  if (::fchmodat(place.parent.get(), place.name.c_str(), op.mode & 07777U, 0) != 0)
    return sys_fail("setting the mode of the device node");
  return {};
}

Result<> attach_at(const DirFd& root, const MountOp& op, const UniqueFd& mount, bool file) {
  const UniqueFd target = TRY(make_mount_point(root, op.target, file));
  return attach_mount(mount, target);
}

Result<> mount_filesystem(const DirFd& root, const MountOp& op) {
  return attach_at(root, op, TRY(make_filesystem({op.type, op.source, op.options, op.attributes})), false);
}

// The source's place: its own root, so that a path of an image cannot lead out of it.
Result<UniqueFd> open_source(const DirFd& root, const MountOp& op) {
  return op.source_in_root ? open_in_root(root, op.source, O_PATH) : open_at(at_cwd(), op.source, O_PATH);
}

Result<> mount_bind(const DirFd& root, const MountOp& op) {
  const auto source = open_source(root, op);
  if (!source && source.error().sys_errno() == ENOENT && op.missing == MissingSource::kSkip) return {};
  if (!source) return std::unexpected(source.error());
  struct stat st{};
  if (::fstat(source->get(), &st) != 0) return sys_fail("reading attributes of the source");
  const UniqueFd mount = TRY(clone_mount(DirRef(source->get()), "", op.recursive));
  // Private: what is mounted in the pod later must not appear at the source, and the other way round.
  TRY(set_mount_attributes(mount, op.attributes, 0, MS_PRIVATE, op.recursive));
  return attach_at(root, op, mount, !S_ISDIR(st.st_mode));
}

struct KindRow {
  MountKind value;
  const char* name;
  Result<> (*run)(const DirFd&, const MountOp&);
};
constexpr std::array kKinds = {
    KindRow{MountKind::kFilesystem, "mount", mount_filesystem},
    KindRow{MountKind::kBind, "bind", mount_bind},
    KindRow{MountKind::kDirectory, "directory", make_directory},
    KindRow{MountKind::kFile, "file", make_file},
    KindRow{MountKind::kSymlink, "symlink", make_link},
    KindRow{MountKind::kNode, "node", make_node},
};

const KindRow& row_of(MountKind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }

std::string line_of(const MountOp& op) {
  std::string line = fmt::format("{} {}", row_of(op.kind).name, printable(op.target));
  if (!op.type.empty()) line += " type=" + op.type;
  if (!op.source.empty())
    line += fmt::format(" source={}{}", op.source_in_root ? "root:" : "", printable(op.source));
  for (const auto& [key, value] : op.options)
    line += fmt::format(" {}{}{}", key, value.empty() ? "" : "=", value);
  if (op.attributes != 0) line += fmt::format(" attributes={:#x}", op.attributes);
  if (op.kind == MountKind::kNode || op.kind == MountKind::kDirectory)
    line += fmt::format(" mode={:o}", op.mode);
  if (op.device != 0) line += fmt::format(" device={}:{}", major(op.device), minor(op.device));
  if (op.recursive) line += " recursive";
  if (op.missing == MissingSource::kSkip) line += " optional";
  if (op.only_existing_target) line += " only-existing-target";
  if (op.only_missing_target) line += " only-missing-target";
  return line;
}

Result<> run_op(const DirFd& root, const MountOp& op) {
  if (op.only_existing_target || op.only_missing_target) {
    const auto target = open_in_root(root, op.target, O_PATH);
    if (!target && target.error().sys_errno() != ENOENT) return std::unexpected(target.error());
    if (target ? op.only_missing_target : op.only_existing_target) return {};
  }
  return row_of(op.kind).run(root, op);
}

}  // namespace

std::string to_string(const MountPlan& plan) {
  std::string text;
  for (const MountOp& op : plan) text += line_of(op) + "\n";
  return text;
}

Result<> run_mount_plan(const DirFd& root, const MountPlan& plan) {
  for (const MountOp& op : plan) TRY_CTX(run_op(root, op), "setting up '{}'", printable(op.target));
  return {};
}

}  // namespace agena::sys
