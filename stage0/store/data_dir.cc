#include "stage0/store/data_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "common/base/cleanup.h"
#include "common/sys/fs.h"
#include "common/sys/passwd.h"

namespace agena::stage0 {
namespace {

// With set-gid, so that the group is handed down.
constexpr mode_t kMode = 02750;

std::optional<gid_t> find_group(std::string_view name) {
  if (name.empty()) return std::nullopt;
  const auto root = sys::open_dir("/");
  if (!root) return std::nullopt;
  const auto groups = sys::read_group(*root);
  if (!groups) return std::nullopt;
  const auto it = std::ranges::find(*groups, name, &sys::GroupEntry::name);
  return it == groups->end() ? std::nullopt : std::optional<gid_t>(it->gid);
}

}  // namespace

Result<> make_data_dir(const std::string& data_dir, std::string_view group) {
  if (TRY(sys::exists(sys::at_cwd(), data_dir))) return {};
  const std::size_t slash = data_dir.rfind('/');
  if (slash != std::string::npos && slash != 0)
    TRY(sys::make_dirs(TRY(sys::open_dir("/")), data_dir.substr(1, slash - 1)));
  // Under its name only with its group: whoever finds it may make directories in it at once.
  const std::string fresh = fmt::format("{}.new-{}", data_dir, ::getpid());
  Cleanup forget([&]() noexcept { ::rmdir(fresh.c_str()); });
  TRY(sys::make_dir(sys::at_cwd(), fresh, 0700));
  if (const auto gid = find_group(group); gid && ::chown(fresh.c_str(), static_cast<uid_t>(-1), *gid) != 0)
    return sys_fail("giving '{}' to group '{}'", data_dir, group);
  // After chown, which clears the set-gid bit.
  if (::chmod(fresh.c_str(), kMode) != 0) return sys_fail("setting the mode of '{}'", data_dir);
  const auto renamed = sys::rename_new(sys::at_cwd(), fresh, sys::at_cwd(), data_dir);
  if (renamed) forget.dismiss();
  // Another process was first.
  return !renamed && renamed.error().kind() == ErrorKind::kAlreadyExists ? Result<>() : renamed;
}

}  // namespace agena::stage0
