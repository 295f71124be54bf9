#include "stage0/tree/layers_file.h"

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {

Result<> write_layers_file(const sys::DirFd& pod, const std::string& path, std::span<const LayerKey> layers) {
  std::string text;
  for (const LayerKey& key : layers) text += key.str() + "\n";
  return sys::write_file(pod, path, text);
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

}  // namespace agena::stage0
