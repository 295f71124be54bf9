#include "stage0/image/local_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {

Result<sys::UniqueFd> open_regular(sys::DirRef dir, const std::string& path) {
  const sys::UniqueFd place = TRY(sys::open_at(dir, path, O_PATH));
  struct stat st{};
  if (::fstat(place.get(), &st) != 0) return sys_fail("reading attributes of '{}'", printable(path));
  if (S_ISDIR(st.st_mode)) {
    Error error(ErrorKind::kInvalidInput, fmt::format("'{}' is a directory", printable(path)));
    const bool is_layout = sys::stat_at(dir, path + "/oci-layout").has_value();
    return std::unexpected(is_layout ? std::move(error).with_hint(
                                           fmt::format("OCI layouts are named oci:{}[:TAG]", printable(path)))
                                     : std::move(error));
  }
  if (!S_ISREG(st.st_mode))
    return fail(ErrorKind::kInvalidInput, "'{}' is not a regular file", printable(path));
  return sys::open_at(sys::at_cwd(), sys::proc_fd_path(place.get()), O_RDONLY);
}

Result<LocalFile> open_local_file(const std::string& path, const std::string& selector) {
  LocalFile file{.path = {}, .fd = TRY(open_regular(sys::at_cwd(), path)), .size = 0, .key = {}};
  file.path = TRY(sys::path_of_fd(file.fd.get()));
  struct stat st{};
  if (::fstat(file.fd.get(), &st) != 0) return sys_fail("reading attributes of '{}'", printable(path));
  file.size = static_cast<std::uint64_t>(st.st_size);
  file.key = TRY(Store::file_key(file.path, file.fd.get(), selector));
  return file;
}

std::string source_of(const Store::FileKey& key) {
  return fmt::format("{} {} {} {} {} {} {}", key.dev, key.ino, key.size, key.mtime, key.ctime, key.selector,
                     key.path);
}

Result<> remember_local_file(Store& store, const LocalFile& file, const std::string& id,
                             const std::vector<std::string>& names) {
  if (!file.key) return {};
  const auto key = TRY(Store::file_key(file.path, file.fd.get(), file.key->selector));
  if (key != file.key) return {};
  // The image is in the store; that the cache cannot have it costs time later, no more.
  if (const auto remembered = store.remember_file(*key, id, names); !remembered)
    log::debug("image: {}", remembered.error().to_string());
  return {};
}

void clear_leftovers(const Store& store) {
  if (const auto cleared = store.tidy(); !cleared) log::debug("image: {}", cleared.error().to_string());
}

}  // namespace agena::stage0
