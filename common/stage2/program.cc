#include "common/stage2/program.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <algorithm>

#include <array>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"

namespace agena::stage2 {
namespace {

std::string below(const std::string& directory, const std::string& name) {
  if (name.starts_with('/')) return name;
  return directory + (directory.ends_with('/') ? "" : "/") + name;
}

bool is_bare(const std::string& name) { return name.find('/') == std::string::npos; }

// Directories that a bare name is looked up in, absolute.
std::vector<std::string> search_directories(const std::string& working_directory,
                                            const std::optional<std::string>& path) {
  if (!path || path->empty()) return {working_directory, "/bin", "/usr/bin"};
  std::vector<std::string> directories;
  // An empty entry is the working directory (POSIX, "Other Environment Variables").
  for (const std::string& entry : split(*path, ':')) directories.push_back(below(working_directory, entry));
  return directories;
}

}  // namespace

std::vector<std::string> program_candidates(const std::string& name, const std::string& working_directory,
                                            const std::optional<std::string>& path) {
  if (!is_bare(name)) return {below(working_directory, name)};
  std::vector<std::string> candidates;
  for (const std::string& directory : search_directories(working_directory, path))
    candidates.push_back(below(directory, name));
  return candidates;
}

namespace {

bool means_absent(int error) {
  constexpr std::array kAbsent = {ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG};
  return std::ranges::find(kAbsent, error) != kAbsent.end();
}

bool on_noexec_mount(int fd) {
  struct statvfs file_system{};
  return ::fstatvfs(fd, &file_system) == 0 && (file_system.f_flag & ST_NOEXEC) != 0;
}

// What keeps an open file from being executed by the caller; empty if nothing does.
std::string obstacle(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return errno_text(errno);
  if (S_ISDIR(st.st_mode)) return "it is a directory";
  if (!S_ISREG(st.st_mode)) return "it is not a regular file";
  if (::faccessat(fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) == 0) return {};
  if (errno != EACCES) return errno_text(errno);
  if (on_noexec_mount(fd)) return "its file system is mounted noexec";
  if ((st.st_mode & 0111) == 0)
    return fmt::format("its mode {:04o} has no execute permission", st.st_mode & 07777);
  return fmt::format("its mode {:04o} and owner {}:{} do not let user {} execute it", st.st_mode & 07777,
                     st.st_uid, st.st_gid, ::geteuid());
}

// Success; kNotFound if nothing is there; kPermission with the reason otherwise.
Result<> check_candidate(sys::DirRef root, const std::string& candidate) {
  const auto fd = sys::open_in_root(root, candidate, O_PATH);
  if (!fd && means_absent(fd.error().sys_errno()))
    return fail(ErrorKind::kNotFound, "no '{}'", printable(candidate));
  const std::string reason = fd ? obstacle(fd->get()) : errno_text(fd.error().sys_errno());
  if (reason.empty()) return {};
  return fail(ErrorKind::kPermission, "cannot execute '{}': {}", printable(candidate), reason);
}

}  // namespace

Result<std::string> find_program(sys::DirRef root, const std::string& name,
                                 const std::string& working_directory,
                                 const std::optional<std::string>& path) {
  std::optional<Error> refusal;
  for (std::string& candidate : program_candidates(name, working_directory, path)) {
    auto checked = check_candidate(root, candidate);
    if (checked) return std::move(candidate);
    // As a shell does, the search goes on behind a file that cannot be executed, but the refusal is
    // remembered.
    if (!refusal && checked.error().kind() == ErrorKind::kPermission) refusal = std::move(checked).error();
  }
  if (refusal) return std::unexpected(*std::move(refusal));
  if (name.starts_with('/'))
    return fail(ErrorKind::kNotFound, "unable to find '{}' in the app's root", printable(name));
  const std::string searched =
      is_bare(name) ? join(search_directories(working_directory, path), ":") : working_directory;
  return fail(ErrorKind::kNotFound, "unable to find '{}' in '{}'", printable(name), printable(searched));
}

}  // namespace agena::stage2
