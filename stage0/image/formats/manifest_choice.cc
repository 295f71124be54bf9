#include "stage0/image/formats/manifest_choice.h"

#include <algorithm>
#include <set>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr int kMaxDepth = 4;
// Nesting must not multiply what one reference makes us read and remember.
constexpr std::size_t kMaxLeaves = 10'000;
constexpr std::size_t kMaxIndexes = 100;

}  // namespace

Result<> ManifestSearch::add(const OciDescriptor& descriptor, std::size_t entry) {
  read_now_ = 0;
  return collect(descriptor, entry, 0);
}

Result<> ManifestSearch::collect(const OciDescriptor& descriptor, std::size_t entry, int depth) {
  if (is_attestation(descriptor)) return {};
  switch (kind_of_media_type(descriptor.media_type)) {
    case OciKind::kManifest:
      if (leaves_.size() == kMaxLeaves)
        return fail(ErrorKind::kInvalidInput, "more than {} manifests", kMaxLeaves);
      leaves_.push_back({.manifest = descriptor, .entry = entry});
      return {};
    case OciKind::kOther:
      // What else there may be (signatures, other artifacts) is no image.
      return {};
    case OciKind::kIndex:
      break;
  }
  if (depth >= kMaxDepth)
    return fail(ErrorKind::kInvalidInput, "indexes are nested more than {} deep", kMaxDepth);
  // What is below it is known already, for the first entry that led to it.
  if (!indexes_.insert(descriptor.digest.str()).second) return {};
  if (++read_now_ > kMaxIndexes)
    return fail(ErrorKind::kInvalidInput, "more than {} nested indexes", kMaxIndexes);
  const std::string bytes = TRY(read_(descriptor));
  const OciIndex index = TRY_CTX(parse_oci_index(bytes), "blob '{}'", descriptor.digest.str());
  for (const OciDescriptor& child : index.manifests) TRY(collect(child, entry, depth + 1));
  return {};
}

namespace {

// "linux/amd64, linux/arm64/v8" or whatever tells the manifests apart.
std::string platforms_of(const std::vector<ManifestLeaf>& leaves) {
  std::set<std::string> texts;
  for (const ManifestLeaf& leaf : leaves)
    texts.insert(leaf.manifest.platform ? printable(to_string(*leaf.manifest.platform))
                                        : "of unknown platform");
  return join({texts.begin(), texts.end()}, ", ");
}

}  // namespace

Result<ManifestLeaf> pick_manifest(const std::vector<ManifestLeaf>& leaves, const Platform& platform) {
  if (leaves.empty()) return fail(ErrorKind::kNotFound, "no image in it");
  const bool only = std::ranges::all_of(leaves, [&](const ManifestLeaf& leaf) {
    return leaf.manifest.digest == leaves.front().manifest.digest;
  });
  const auto rank = [&](const ManifestLeaf& leaf) {
    // One that does not say is better than one that is for something else.
    if (only || !leaf.manifest.platform) return 1;
    const int known = platform_rank(platform, *leaf.manifest.platform);
    return known == 0 ? 0 : known + 1;
  };
  // The first one wins inside of an index (image-index.md), but a layout's entries are no choice between
  // platforms.
  const ManifestLeaf& best = *std::ranges::max_element(leaves, {}, rank);
  if (rank(best) == 0)
    return fail(ErrorKind::kNotFound, "no image for {}; there is {}", to_string(platform),
                platforms_of(leaves));
  for (const ManifestLeaf& leaf : leaves)
    if (rank(leaf) == rank(best) && leaf.entry != best.entry && leaf.manifest.digest != best.manifest.digest)
      return fail(ErrorKind::kInvalidInput, "several images suit: '{}' and '{}'; name one by its digest",
                  best.manifest.digest.str(), leaf.manifest.digest.str());
  return best;
}

}  // namespace agena::stage0
