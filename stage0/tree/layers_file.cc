#include "stage0/tree/layers_file.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {

namespace {

std::string text_of(std::span<const LayerKey> layers) {
  std::string text;
  for (const LayerKey& key : layers) text += key.str() + "\n";
  return text;
}

}  // namespace

Result<> write_layers_file(const sys::DirFd& pod, const std::string& path, std::span<const LayerKey> layers) {
  return sys::write_file(pod, path, text_of(layers));
}

Result<> replace_layers_file(const sys::DirFd& pod, const std::string& path,
                             std::span<const LayerKey> layers) {
  return sys::replace_file(pod, path, text_of(layers));
}

Result<std::vector<LayerKey>> read_layers_file(const sys::DirFd& pod, const std::string& path) {
  const std::string text = TRY(sys::read_file(pod, path));
  std::vector<LayerKey> layers;
  for (const std::string& line : split(text, '\n'))
    if (!line.empty()) layers.push_back(TRY_CTX(LayerKey::parse(line), "file '{}'", path));
  return layers;
}

Result<std::vector<sys::DirFd>> open_layers(const Store& store, std::span<const LayerKey> layers) {
  std::vector<sys::DirFd> open;
  open.reserve(layers.size());
  for (const LayerKey& key : layers) open.push_back(TRY(store.open_layer_fs(key)));
  return open;
}

namespace {

// What unpacking gives a root that the archive has no entry for.
Result<bool> is_made_up(const sys::DirFd& root) {
  struct stat st{};
  if (::fstat(root.get(), &st) != 0) return sys_fail("reading attributes of a layer");
  return (st.st_mode & 07777U) == 0755 && st.st_uid == 0 && st.st_gid == 0 &&
         ::flistxattr(root.get(), nullptr, 0) <= 0;
}

}  // namespace

Result<std::size_t> root_attributes_layer(const Store& store, std::span<const LayerKey> layers,
                                          std::span<const sys::DirFd> open) {
  const std::size_t top = open.size() - 1;
  // Nearly always all roots look alike; the layers' metadata need not be read then.
  bool alike = true;
  for (const sys::DirFd& root : open) alike = alike && TRY(is_made_up(root));
  for (std::size_t i = layers.size(); !alike && i > 0; --i)
    if (TRY(store.layer_meta(layers[i - 1])).root_entry) return i - 1;
  return top;
}

}  // namespace agena::stage0
