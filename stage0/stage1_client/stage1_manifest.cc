#include "stage0/stage1_client/stage1_manifest.h"

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/image_manifest.h"

namespace agena::stage0 {
namespace {

// No published stage1 has gone beyond one digit; the bound only keeps the number small.
constexpr std::int64_t kMaxInterfaceVersion = 1000;

}  // namespace

Result<Stage1Manifest> Stage1Manifest::of(const schema::ImageManifest& manifest) {
  Stage1Manifest stage1;
  stage1.image_name_ = manifest.name.str();
  if (const std::string* text = manifest.annotations.find(contract::kInterfaceVersionAnnotation))
    stage1.interface_version_ =
        static_cast<int>(TRY_CTX(parse_int(*text, 1, kMaxInterfaceVersion), "annotation '{}' of image '{}'",
                                 contract::kInterfaceVersionAnnotation, stage1.image_name_));
  for (const contract::EntrypointRow& row : contract::entrypoint_table()) {
    const std::string* path = manifest.annotations.find(row.annotation);
    if (path == nullptr && row.required)
      return fail(ErrorKind::kInvalidInput, "image '{}' is not a stage1: it has no annotation '{}'",
                  stage1.image_name_, row.annotation);
    stage1.paths_.push_back(path == nullptr ? "" : *path);
  }
  return stage1;
}

Result<Stage1Manifest> Stage1Manifest::read(const sys::DirFd& pod) {
  const std::string text = TRY(sys::read_file(pod, contract::pod_paths::kStage1Manifest));
  return of(TRY(codec::parse_image_manifest(text)));
}

bool Stage1Manifest::has(contract::Entrypoint entrypoint) const {
  return !paths_.at(static_cast<std::size_t>(entrypoint)).empty();
}

Result<std::string> Stage1Manifest::path_of(contract::Entrypoint entrypoint) const {
  if (!has(entrypoint))
    return fail(ErrorKind::kUnsupported, "stage1 image '{}' has no entrypoint '{}'", image_name_,
                contract::entrypoint_row(entrypoint).name);
  const std::string& path = paths_.at(static_cast<std::size_t>(entrypoint));
  return path.starts_with('/') ? path : "/" + path;
}

}  // namespace agena::stage0
