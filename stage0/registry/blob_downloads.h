// The layers of one image on their way from a registry: streamed to whoever unpacks them, and kept in partial
// files until the image is in the store, so that an attempt that breaks off is not in vain, and that two
// processes do not download the same.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "stage0/image/formats/layered_image.h"
#include "stage0/registry/registry.h"
#include "stage0/store/partials.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

class BlobDownloads {
 public:
  // Both must outlive it, as it must outlive what it opens.
  BlobDownloads(const Store& store, RegistryClient& registry) : store_(store), registry_(registry) {}

  // Takes the partial files of all layers that are not in the store. Where another process has one, waits
  // until that is done (`on_wait` is called before), and looks again whether the layer is there now. All are
  // taken in one order, so that no two processes wait for each other.
  Result<> take(const LayeredImage& image, const std::function<void()>& on_wait);

  // Opens a blob for one reading: what the partial file has, then the network. From any thread.
  Result<std::unique_ptr<ByteSource>> open(const OciDescriptor& descriptor);

  // Whether anything came from an earlier attempt.
  bool resumed() const { return resumed_; }
  // The image is in the store: the partial files go.
  void finish();
  // The import has failed: drops what is not what it should be, and keeps the rest for the next attempt.
  void keep_what_is_good(const Error& why);

 private:
  struct Part;
  class Source;
  const Store& store_;
  RegistryClient& registry_;
  std::map<std::string, std::shared_ptr<Part>> parts_;  // by digest
  bool resumed_ = false;
};

}  // namespace agena::stage0
