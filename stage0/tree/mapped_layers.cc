#include "stage0/tree/mapped_layers.h"

#include "common/sys/user_namespace.h"

namespace agena::stage0 {

Result<PodUsers> PodUsers::of(const sys::IdRange& ids) {
  return PodUsers{ids, TRY(sys::make_user_namespace(ids))};
}

Result<MappedLayers> MappedLayers::make(std::span<const sys::DirFd> plain, const PodUsers& users) {
  MappedLayers layers;
  for (const sys::DirFd& layer : plain) {
    layers.mounts_.push_back(TRY(sys::clone_idmapped(layer, "", users.user_namespace)));
    layers.open_.push_back(TRY(sys::open_dir(sys::DirRef(layers.mounts_.back().get()), ".")));
  }
  return layers;
}

}  // namespace agena::stage0
