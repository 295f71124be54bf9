#include "stage0/tree/copy_tree.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/copy_entry.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"

namespace agena::stage0 {
namespace {

// Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

Result<bool> is_opaque(const sys::DirFd& dir) {
  char value = 0;
  const ssize_t n = ::fgetxattr(dir.get(), "trusted.overlay.opaque", &value, 1);
  if (n < 0 && errno != ENODATA && errno != ENOTSUP && errno != ERANGE)
    return sys_fail("reading the opaque mark of a directory");
  return n == 1 && value == 'y';
}

// What a name in a merged directory comes from.
struct Merged {
  std::size_t layer = 0;            // that provides it
  struct stat st{};                 // in that layer
  std::vector<std::size_t> layers;  // of a directory: all that contribute to it, topmost first
  bool closed = false;              // lower layers contribute nothing more
};

class Copier {
 public:
  Copier(std::span<const sys::DirFd> layers, const sys::DirFd& target, const sys::OwnerRule& owner)
      : layers_(layers), target_(target), owner_(owner) {}

  // Copies a directory's content. `path` is relative to the roots ("." for the root); `sources` are the
  // layers that contribute, topmost first.
  Result<> copy_content(const std::string& path, const std::vector<std::size_t>& sources,
                        const sys::DirFd& to) {
    for (const auto& [name, entry] : TRY(merge(path, sources))) {
      if (is_whiteout(entry.st)) continue;
      const std::string child = path == "." ? name : path + "/" + name;
      TRY_CTX(S_ISDIR(entry.st.st_mode) ? make_directory(child, name, entry, to)
                                        : copy_or_link(child, name, entry, to),
              "copying '{}'", printable(child));
    }
    return {};
  }

 private:
  Result<sys::DirFd> open_source(std::size_t layer, const std::string& path) const {
    sys::UniqueFd fd =
        TRY(sys::open_beneath_no_symlinks(layers_[layer], path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return sys::DirFd(fd.release());
  }

  // Layers are opened one at a time, so that a hundred of them do not need a hundred descriptors per level.
  Result<std::map<std::string, Merged>> merge(const std::string& path,
                                              const std::vector<std::size_t>& sources) const {
    std::map<std::string, Merged> entries;
    for (const std::size_t layer : sources) {
      const sys::DirFd dir = TRY(open_source(layer, path));
      for (std::string& name : TRY(sys::list_dir(dir))) {
        const struct stat st = TRY(sys::stat_at(dir, name));
        const auto [it, is_new] = entries.try_emplace(std::move(name));
        Merged& entry = it->second;
        if (entry.closed) continue;
        if (is_new) {
          entry.layer = layer;
          entry.st = st;
        }
        entry.closed = !S_ISDIR(st.st_mode);
        if (entry.closed) continue;
        entry.layers.push_back(layer);
        entry.closed = TRY(is_opaque(TRY(sys::open_dir(dir, it->first, O_NOFOLLOW))));
      }
    }
    return entries;
  }

  Result<> make_directory(const std::string& path, const std::string& name, const Merged& entry,
                          const sys::DirFd& to) {
    TRY(sys::make_dir(to, name, 0700));
    const sys::DirFd copy = TRY(sys::open_dir(to, name, O_NOFOLLOW));
    TRY(copy_content(path, entry.layers, copy));
    // Last, because making entries changes the time.
    return sys::copy_directory_attributes(TRY(open_source(entry.layer, path)), copy, owner_);
  }

  Result<> copy_or_link(const std::string& path, const std::string& name, const Merged& entry,
                        const sys::DirFd& to) {
    const auto inode = std::pair(entry.st.st_dev, entry.st.st_ino);
    if (entry.st.st_nlink > 1) {
      const auto [it, first] = copies_.try_emplace(inode, path);
      if (!first) {
        if (::linkat(target_.get(), it->second.c_str(), to.get(), name.c_str(), 0) != 0)
          return sys_fail("linking to '{}'", printable(it->second));
        return {};
      }
    }
    const sys::DirFd dir = TRY(open_source(entry.layer, parent_of(path)));
    return sys::copy_non_directory({dir, name}, entry.st, {to, name}, owner_);
  }

  static std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
  }

  std::span<const sys::DirFd> layers_;
  const sys::DirFd& target_;
  sys::OwnerRule owner_;
  // Path in the target of the first copy of a file with several names.
  std::map<std::pair<dev_t, ino_t>, std::string> copies_;
};

}  // namespace

Result<> copy_layers(std::span<const sys::DirFd> layers, const sys::DirFd& root_attributes,
                     const sys::DirFd& target, const sys::OwnerRule& owner) {
  std::vector<std::size_t> sources;
  for (std::size_t i = layers.size(); i > 0; --i) sources.push_back(i - 1);
  TRY(Copier(layers, target, owner).copy_content(".", sources, target));
  return sys::copy_directory_attributes(root_attributes, target, owner);
}

}  // namespace agena::stage0
