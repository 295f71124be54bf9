// Images of the store as files: ACIs, OCI layouts, docker archives.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

struct ExportOptions {
  bool overwrite = false;
  std::optional<Compression> compression = {};  // unset: the format's default
};

// What an export made.
struct ExportReport {
  std::string digest;  // the image's in the target: id of an ACI, digest of a manifest or config
  // What is not as it was in the image's source, for the user: layers whose exact archive is lost.
  std::vector<std::string> notes;
};

// Writes the image as an ACI: exactly the bytes that an ACI had (uncompressed by default), or one made of an
// image in layers: its merged root and its derived manifest.
Result<ExportReport> export_aci(Store& store, const ImageRecord& record, const std::string& path,
                                const ExportOptions& options);

}  // namespace agena::stage0
