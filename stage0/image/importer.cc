#include "stage0/image/importer.h"

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/rlimit.h"
#include "stage0/image/aci_import.h"
#include "stage0/image/layered_import.h"

namespace agena::stage0 {

Result<ImageRecord> import_image(Store& store, const Reference& reference, const ImportOptions& options,
                                 const ProgressCallback& progress) {
  // All layers of an image are unpacked at once, each with several directories open.
  const sys::RaisedFileLimit many_files;
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

}  // namespace agena::stage0
