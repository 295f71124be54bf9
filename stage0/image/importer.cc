#include "stage0/image/importer.h"

#include <stdlib.h>

#include <memory>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/rlimit.h"
#include "stage0/image/aci_import.h"
#include "stage0/image/layered_import.h"

namespace agena::stage0 {
namespace {

// A reference that means the same whatever the working directory is; empty if there is none (a path with a
// colon in it).
std::string origin_of(const Reference& reference) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(reference.path.c_str(), nullptr), ::free);
  if (!real) return {};
  std::string text;
  switch (reference.kind) {
    case ReferenceKind::kAciFile:
      text = real.get();
      break;
    case ReferenceKind::kOciLayout:
      text = fmt::format("oci:{}", real.get());
      if (reference.digest)
        text += "@" + reference.digest->str();
      else if (!reference.tag.empty())
        text += ":" + reference.tag;
      break;
    case ReferenceKind::kDockerArchive:
      text = fmt::format("docker-archive:{}", real.get());
      if (reference.index)
        text += fmt::format(":@{}", *reference.index);
      else if (!reference.tag.empty())
        text += ":" + reference.tag;
      break;
    case ReferenceKind::kImageId:
    case ReferenceKind::kName:
    case ReferenceKind::kRegistry:
    case ReferenceKind::kUrl:
      return {};
  }
  const auto parsed = parse_reference(text);
  const bool same = parsed && parsed->kind == reference.kind && parsed->path == real.get() &&
                    parsed->tag == reference.tag && is_utf8(text);
  return same ? text : std::string();
}

Result<ImageRecord> import_local(Store& store, const Reference& reference, const ImportOptions& options,
                                 const ProgressCallback& progress) {
  switch (reference.kind) {
    case ReferenceKind::kAciFile:
      return import_aci(store, reference.path, options, progress);
    case ReferenceKind::kOciLayout:
      return import_oci(store, reference, options, progress);
    case ReferenceKind::kDockerArchive:
      return import_docker_archive(store, reference, options, progress);
    case ReferenceKind::kImageId:
    case ReferenceKind::kName:
    case ReferenceKind::kRegistry:
    case ReferenceKind::kUrl:
      break;
  }
  return fail(ErrorKind::kInvalidInput, "image '{}' is not a local file or directory",
              printable(reference.text));
}

}  // namespace

Result<ImageRecord> import_image(Store& store, const Reference& reference, const ImportOptions& options,
                                 const ProgressCallback& progress) {
  // All layers of an image are unpacked at once, each with several directories open.
  const sys::RaisedFileLimit many_files;
  if (!options.origin.empty()) return import_local(store, reference, options, progress);
  ImportOptions with_origin = options;
  with_origin.origin = origin_of(reference);
  return import_local(store, reference, with_origin, progress);
}

}  // namespace agena::stage0
