// Images of the store as files: ACIs, OCI layouts, docker archives.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

enum class ExportFormat { kAci, kOci, kDockerArchive };

struct ExportOptions {
  ExportFormat format = ExportFormat::kAci;
  bool overwrite = false;
  std::optional<Compression> compression = {};  // unset: the format's default
  // Asked when all is written, before the target gets its name; an error fails the export. May be empty.
  std::function<Result<>()> before_commit = {};
};

// Where an export goes to, as a user writes it: a path, or `oci:DIR[:TAG]`, which is a directory.
struct ExportTarget {
  std::string path;
  bool directory = false;
  std::string tag = {};
};
Result<ExportTarget> parse_export_target(std::string_view text);

// What an export made.
struct ExportReport {
  std::string digest;  // the image's in the target: id of an ACI, digest of a manifest or config
  // What is not as it was in the image's source, for the user: layers whose exact archive is lost.
  std::vector<std::string> notes;
};

// Writes an image. As an ACI: exactly the bytes that an ACI had (uncompressed by default), or one made of an
// image in layers: its merged root and its derived manifest. As a layered image: with the layers' own diffIDs
// and the image's own config.
Result<ExportReport> export_image(const Store& store, const ImageRecord& record, const ExportTarget& target,
                                  const ExportOptions& options);

// The parts of it that exports of pods share.
struct LayeredExport;
Result<ExportReport> export_layered(const LayeredExport& image, const ExportTarget& target,
                                    const ExportOptions& options);
Result<ExportReport> export_archive(std::unique_ptr<ByteSource> aci, const ExportTarget& target,
                                    const ExportOptions& options);

}  // namespace agena::stage0
