#include "stage0/image/formats/oci_layout.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/image/local_file.h"
#include "stage0/store/docker_name.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

constexpr const char* kRefName = "org.opencontainers.image.ref.name";
constexpr const char* kImageName = "io.containerd.image.name";
constexpr int kMaxDepth = 4;

// A file that owns its descriptor.
class OwnedFile : public ByteSource {
 public:
  explicit OwnedFile(sys::UniqueFd fd) : fd_(std::move(fd)), source_(fd_.get()) {}
  Result<std::size_t> read(std::span<char> buffer) override { return source_.read(buffer); }

 private:
  sys::UniqueFd fd_;
  FdSource source_;
};

std::string blob_path(const Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.algorithm(), digest.hex());
}

Result<> check_layout_version(std::string_view bytes) {
  const auto json = TRY_CTX(json_text::parse(bytes), "oci-layout");
  JsonProblems problems("oci-layout");
  const JsonNode root(json, problems);
  const auto node = root.require("imageLayoutVersion");
  const auto version = node ? node->as_string() : std::nullopt;
  if (version && *version != "1.0.0")
    node->complain(fmt::format("version {} is not supported", node->shown()));
  return problems.to_result();
}

// "linux/amd64, linux/arm64/v8" or whatever tells the manifests apart.
template <class Leaves>
std::string platforms_of(const Leaves& leaves) {
  std::set<std::string> texts;
  for (const auto& leaf : leaves)
    texts.insert(leaf.manifest.platform ? printable(to_string(*leaf.manifest.platform))
                                        : "of unknown platform");
  return join({texts.begin(), texts.end()}, ", ");
}

}  // namespace

Result<std::unique_ptr<OciLayout>> OciLayout::open(const Store& store, const std::string& path) {
  std::unique_ptr<OciLayout> layout(new OciLayout());
  layout->path_ = path;
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return sys_fail("opening '{}'", printable(path));
  if (S_ISDIR(st.st_mode)) {
    layout->directory_ = TRY(sys::open_dir(path));
  } else {
    sys::UniqueFd fd = TRY(open_regular(sys::at_cwd(), path));
    layout->archive_ = TRY_CTX(ArchiveFile::open(store, std::move(fd)), "archive '{}'", printable(path));
  }
  const auto version = layout->read_file("oci-layout");
  if (!version && version.error().kind() == ErrorKind::kNotFound)
    return fail(ErrorKind::kInvalidInput, "'{}' is not an OCI image layout: no 'oci-layout' in it",
                printable(path));
  if (!version) return std::unexpected(version.error());
  TRY_CTX(check_layout_version(*version), "OCI layout '{}'", printable(path));
  const std::string index = TRY_CTX(layout->read_file("index.json"), "OCI layout '{}'", printable(path));
  layout->index_ = TRY_CTX(parse_oci_index(index), "OCI layout '{}': index.json", printable(path));
  return layout;
}

Result<std::string> OciLayout::read_file(const std::string& name) const {
  if (archive_) return archive_->read(name, kMaxOciDocument);
  const sys::UniqueFd fd = TRY(open_regular(directory_, name));
  return TRY_CTX(sys::read_all(fd.get(), kMaxOciDocument), "'{}'", name);
}

Result<std::unique_ptr<ByteSource>> OciLayout::open_blob(const Digest& digest) const {
  const std::string path = blob_path(digest);
  if (archive_) {
    if (const auto extent = archive_->find(path)) return archive_->source(*extent);
    return fail(ErrorKind::kNotFound, "no such file '{}' in the archive", path);
  }
  return std::make_unique<OwnedFile>(TRY(open_regular(directory_, path)));
}

Result<std::string> OciLayout::read_document(const OciDescriptor& descriptor) const {
  if (descriptor.size > kMaxOciDocument)
    return fail(ErrorKind::kInvalidInput, "blob '{}' has {} bytes; documents of at most {} are read",
                descriptor.digest.str(), descriptor.size, kMaxOciDocument);
  const auto file = TRY(open_blob(descriptor.digest));
  HashingSource hashed(*file, algorithm_of(descriptor.digest), descriptor.size);
  std::string bytes = TRY_CTX(read_to_end(hashed, kMaxOciDocument), "blob '{}'", descriptor.digest.str());
  const Digest found = hashed.finish();
  if (found != descriptor.digest)
    return fail(ErrorKind::kVerification, "blob '{}' has the digest '{}'", descriptor.digest.str(),
                found.str());
  return bytes;
}

// All manifests below a descriptor.
Result<> OciLayout::collect(const OciDescriptor& descriptor, const OciDescriptor* entry, int depth,
                            std::vector<Leaf>& leaves) const {
  if (is_attestation(descriptor)) return {};
  switch (kind_of_media_type(descriptor.media_type)) {
    case OciKind::kManifest:
      leaves.push_back({.manifest = descriptor, .entry = entry});
      return {};
    case OciKind::kOther:
      // What else there may be (signatures, other artifacts) is no image.
      return {};
    case OciKind::kIndex:
      break;
  }
  if (depth >= kMaxDepth)
    return fail(ErrorKind::kInvalidInput, "indexes are nested more than {} deep", kMaxDepth);
  const std::string bytes = TRY(read_document(descriptor));
  const OciIndex index = TRY_CTX(parse_oci_index(bytes), "blob '{}'", descriptor.digest.str());
  for (const OciDescriptor& child : index.manifests) TRY(collect(child, entry, depth + 1, leaves));
  return {};
}

Result<std::vector<OciLayout::Leaf>> OciLayout::leaves_of_digest(const Digest& digest) const {
  std::vector<Leaf> leaves;
  for (const OciDescriptor& entry : index_.manifests)
    if (entry.digest == digest) {
      TRY(collect(entry, &entry, 0, leaves));
      return leaves;
    }
  std::vector<Leaf> all;
  for (const OciDescriptor& entry : index_.manifests) TRY(collect(entry, &entry, 0, all));
  for (const Leaf& leaf : all)
    if (leaf.manifest.digest == digest) return std::vector<Leaf>{leaf};
  return fail(ErrorKind::kNotFound, "no image with the digest '{}'", digest.str());
}

Result<std::vector<OciLayout::Leaf>> OciLayout::leaves_of_tag(const std::string& tag) const {
  std::vector<Leaf> leaves;
  std::set<std::string> tags;
  bool untagged = false;
  for (const OciDescriptor& entry : index_.manifests) {
    const std::string name = entry.annotation(kRefName);
    if (is_attestation(entry)) continue;
    if (name.empty())
      untagged = true;
    else
      tags.insert(printable(name));
    if (tag.empty() || name == tag) TRY(collect(entry, &entry, 0, leaves));
  }
  const std::string list = "'" + join({tags.begin(), tags.end()}, "', '") + "'";
  if (!tag.empty()) {
    if (!leaves.empty()) return leaves;
    if (tags.contains(printable(tag)))
      return fail(ErrorKind::kUnsupported, "no image of a supported media type has the tag '{}'",
                  printable(tag));
    return fail(ErrorKind::kNotFound, "no image with the tag '{}'; {}", printable(tag),
                tags.empty() ? "none has a tag" : "there is " + list);
  }
  if (leaves.empty()) return fail(ErrorKind::kNotFound, "no image in it");
  const bool one_image = std::ranges::all_of(
      leaves, [&](const Leaf& leaf) { return leaf.manifest.digest == leaves.front().manifest.digest; });
  if (one_image || tags.size() + (untagged ? 1 : 0) <= 1) return leaves;
  return fail(ErrorKind::kInvalidInput, "several images in it; name one by its tag: {}", list);
}

Result<OciLayout::Selection> OciLayout::select(const std::string& tag, const std::optional<Digest>& digest,
                                               const Platform& platform) const {
  auto pick = [&]() -> Result<Selection> {
    const std::vector<Leaf> leaves = TRY(digest ? leaves_of_digest(*digest) : leaves_of_tag(tag));
    if (leaves.empty()) return fail(ErrorKind::kNotFound, "no image in it");
    // A single one needs no choice: what it is for, its config says.
    const bool only = std::ranges::all_of(
        leaves, [&](const Leaf& leaf) { return leaf.manifest.digest == leaves.front().manifest.digest; });
    const auto rank = [&](const Leaf& leaf) {
      // One that does not say is better than one that is for something else.
      if (only || !leaf.manifest.platform) return 1;
      const int known = platform_rank(platform, *leaf.manifest.platform);
      return known == 0 ? 0 : known + 1;
    };
    // The first one wins inside of an index (image-index.md), but index.json is no choice between platforms.
    const Leaf& best = *std::ranges::max_element(leaves, {}, rank);
    if (rank(best) == 0)
      return fail(ErrorKind::kNotFound, "no image for {}; there is {}", to_string(platform),
                  platforms_of(leaves));
    for (const Leaf& leaf : leaves)
      if (rank(leaf) == rank(best) && leaf.entry != best.entry &&
          leaf.manifest.digest != best.manifest.digest)
        return fail(ErrorKind::kInvalidInput, "several images suit: '{}' and '{}'; name one by its digest",
                    best.manifest.digest.str(), leaf.manifest.digest.str());
    return Selection{.manifest = best.manifest,
                     .ref_name = best.entry->annotation(kRefName),
                     .image_name = best.entry->annotation(kImageName)};
  };
  return TRY_CTX(pick(), "OCI layout '{}'", printable(path_));
}

Result<LayeredImage> OciLayout::load(const Selection& selection) const {
  auto read = [&]() -> Result<LayeredImage> {
    std::string manifest_bytes = TRY(read_document(selection.manifest));
    const OciManifest manifest = TRY(parse_oci_manifest(manifest_bytes));
    TRY(check_config_media_type(manifest.config.media_type));
    std::string config_bytes = TRY(read_document(manifest.config));
    LayeredImage image{.format = ImageFormat::kOci,
                       .id = image_id_of(hash_of(HashAlgorithm::kSha512, manifest_bytes)),
                       .config = TRY(parse_oci_config(config_bytes))};
    TRY(check_layer_count(manifest.layers.size(), image.config.diff_ids.size()));
    for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
      const OciDescriptor& layer = manifest.layers[i];
      image.layers.push_back({.name = layer.digest.str(),
                              .blob_bytes = layer.size,
                              .open = [this, digest = layer.digest] { return open_blob(digest); },
                              .compression = TRY_CTX(compression_of_media_type(layer.media_type),
                                                     "layer '{}'", layer.digest.str()),
                              .blob_digest = layer.digest,
                              .diff_id = image.config.diff_ids[i]});
    }
    image.manifest = Document{.digest = hash_of(HashAlgorithm::kSha256, manifest_bytes),
                              .bytes = std::move(manifest_bytes)};
    image.config_document =
        Document{.digest = hash_of(HashAlgorithm::kSha256, config_bytes), .bytes = std::move(config_bytes)};
    return image;
  };
  LayeredImage image =
      TRY_CTX(read(), "OCI layout '{}': image '{}'", printable(path_), selection.manifest.digest.str());
  image.names = names_of(selection);
  return image;
}

SourceNames OciLayout::names_of(const Selection& selection) const {
  SourceNames names{.source = source_name_of(path_), .tag = selection.ref_name};
  for (const std::string& name : {selection.image_name, selection.ref_name}) {
    // A bare tag is no full name.
    if (name.find('/') == std::string::npos) continue;
    if (const auto parsed = parse_docker_name(name); parsed) names.full.push_back(parsed->str());
  }
  return names;
}

}  // namespace agena::stage0
