#include "stage0/export/unfinished.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

constexpr std::string_view kSuffix = ".new";
constexpr std::size_t kRandomBytes = 8;

std::string random_digits() {
  std::array<char, kRandomBytes> bytes{};
  // Cannot fail for so few bytes once the machine is up (getrandom(2)).
  (void)!::getrandom(bytes.data(), bytes.size(), 0);
  return to_hex({bytes.data(), bytes.size()});
}

bool is_unfinished(std::string_view found, const std::string& name) {
  const std::string prefix = "." + name + ".";
  if (!found.starts_with(prefix) || !found.ends_with(kSuffix) ||
      found.size() != prefix.size() + (2 * kRandomBytes) + kSuffix.size())
    return false;
  return std::ranges::all_of(found.substr(prefix.size(), 2 * kRandomBytes),
                             [](char c) { return std::string_view("0123456789abcdef").contains(c); });
}

// Whether the name stands for the open file.
bool is_still(sys::DirRef dir, const std::string& name, const struct stat& open) {
  struct stat named{};
  return ::fstatat(dir.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

// Removes it if it is ours, and nobody works on it.
Result<> remove_if_left(const sys::DirFd& dir, const std::string& name) {
  const sys::UniqueFd fd = TRY(sys::open_at(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return sys_fail("reading attributes of '{}'", printable(name));
  if (st.st_uid != ::geteuid() || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))) return {};
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || !is_still(dir, name, st)) return {};
  return S_ISDIR(st.st_mode) ? sys::remove_tree(dir, name) : sys::remove_file(dir, name);
}

}  // namespace

std::string unfinished_name(const std::string& name) {
  return fmt::format(".{}.{}{}", name, random_digits(), kSuffix);
}

std::string aside_name(const std::string& name) { return fmt::format(".{}.{}.old", name, random_digits()); }

bool lock_unfinished(sys::DirRef dir, const std::string& temporary, int fd) {
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
  struct stat st{};
  return ::fstat(fd, &st) == 0 && is_still(dir, temporary, st);
}

void remove_unfinished(const sys::DirFd& dir, const std::string& name) {
  const auto names = sys::list_dir(dir);
  if (!names) return;
  for (const std::string& found : *names) {
    if (!is_unfinished(found, name)) continue;
    if (const auto removed = remove_if_left(dir, found); !removed)
      log::debug("export: {}", removed.error().to_string());
  }
}

}  // namespace agena::stage0
