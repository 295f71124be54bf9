// Which layers a root is made of, as a small file in the pod: one layer key a line, bottom first. A pod keeps
// its roots even when their images are removed from the store, so it must know them by itself.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/store/layer_key.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

Result<> write_layers_file(const sys::DirFd& pod, const std::string& path, std::span<const LayerKey> layers);
// The same for a file that others may be reading: they see the old content or the new.
Result<> replace_layers_file(const sys::DirFd& pod, const std::string& path,
                             std::span<const LayerKey> layers);
Result<std::vector<LayerKey>> read_layers_file(const sys::DirFd& pod, const std::string& path);

// Opens the trees of these layers, in the same order.
Result<std::vector<sys::DirFd>> open_layers(const Store& store, std::span<const LayerKey> layers);

// Index of the layer whose root directory gives the merged root its owner, mode and extended attributes: the
// topmost one whose archive has an entry for it (the others' roots are what unpacking made up), else the
// topmost. `open` are the trees of `layers`; there is at least one.
Result<std::size_t> root_attributes_layer(const Store& store, std::span<const LayerKey> layers,
                                          std::span<const sys::DirFd> open);

}  // namespace agena::stage0
