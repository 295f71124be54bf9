#include "stage0/pod/mutable_pod.h"

#include <array>

#include "common/base/strings.h"
#include "common/contract/entrypoints.h"
#include "stage0/stage1_client/stage1_manifest.h"

namespace agena::stage0 {
namespace {

using contract::Entrypoint;

// rkt asks for the same but `app/add`, without which there would never be an app.
constexpr std::array kNeeded = {Entrypoint::kAppAdd, Entrypoint::kAppRm, Entrypoint::kAppStart,
                                Entrypoint::kAppStop};

}  // namespace

bool is_mutable_pod(const schema::PodManifest& manifest) {
  const std::string* value = manifest.annotations.find(contract::kMutableAnnotation);
  return value != nullptr && *value == "true";
}

Result<> check_can_be_mutable(const schema::ImageManifest& stage1) {
  const auto entrypoints = TRY(Stage1Manifest::of(stage1));
  std::vector<std::string> missing;
  for (const Entrypoint needed : kNeeded)
    if (!entrypoints.has(needed)) missing.emplace_back(contract::entrypoint_row(needed).name);
  if (missing.empty()) return {};
  return std::unexpected(
      Error(ErrorKind::kUnsupported,
            fmt::format("the stage1 image '{}' cannot run mutable pods: it has no entrypoint {}",
                        stage1.name.str(), join(missing, ", ")))
          .with_hint("the systemd flavour can"));
}

}  // namespace agena::stage0
