#include "stage0/image/unpacked.h"

#include <utility>

#include "common/base/log.h"

namespace agena::stage0 {

Store::Commit Unpacked::commit(const LayerKey& key) && {
  LayerMeta meta{.key = key,
                 .diff_id = result.diff_id,
                 .archive_bytes = result.archive_size,
                 .file_bytes = result.file_bytes,
                 .entries = result.entries,
                 .record_digest = *result.record_digest,
                 .skeleton_digest = std::move(result.skeleton_digest),
                 .implied_directories = std::move(result.implied_directories),
                 .root_opaque = result.root_opaque,
                 .root_entry = result.root_entry};
  return {.layer = std::move(layer), .meta = std::move(meta)};
}

Result<Unpacked> unpack_staged(const Store& store, ByteSource& blob, UnpackOptions options,
                               const char* name) {
  StagedLayer staged = TRY(store.stage_layer());
  options.record_fd = staged.record.get();
  options.skeleton_fd = staged.skeleton.get();
  UnpackResult result = TRY(unpack_layer(blob, staged.fs, options));
  for (const std::string& warning : result.warnings) log::debug("{}: {}", name, warning);
  if (!result.record_digest) return fail(ErrorKind::kInternal, "no tree record was written");
  return Unpacked{.layer = std::move(staged), .result = std::move(result)};
}

}  // namespace agena::stage0
