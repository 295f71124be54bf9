#include "stage0/image/formats/oci_layout.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/image/formats/oci_image.h"
#include "stage0/image/local_file.h"
#include "stage0/store/docker_name.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

constexpr const char* kRefName = "org.opencontainers.image.ref.name";
constexpr const char* kImageName = "io.containerd.image.name";

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

}  // namespace

Result<std::unique_ptr<OciLayout>> OciLayout::open(const Store& store, const std::string& path,
                                                   std::uint64_t max_bytes) {
  std::unique_ptr<OciLayout> layout(new OciLayout());
  layout->path_ = path;
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return sys_fail("opening '{}'", printable(path));
  if (S_ISDIR(st.st_mode)) {
    layout->directory_ = TRY(sys::open_dir(path));
  } else {
    sys::UniqueFd fd = TRY(open_regular(sys::at_cwd(), path));
    layout->archive_ =
        TRY_CTX(ArchiveFile::open(store, std::move(fd), max_bytes), "archive '{}'", printable(path));
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

ManifestSearch OciLayout::search() const {
  return ManifestSearch([this](const OciDescriptor& descriptor) { return read_document(descriptor); });
}

Result<std::vector<ManifestLeaf>> OciLayout::leaves_of_digest(const Digest& digest) const {
  for (std::size_t i = 0; i < index_.manifests.size(); ++i)
    if (index_.manifests[i].digest == digest) {
      ManifestSearch below = search();
      TRY(below.add(index_.manifests[i], i));
      return below.leaves();
    }
  ManifestSearch all = search();
  for (std::size_t i = 0; i < index_.manifests.size(); ++i) TRY(all.add(index_.manifests[i], i));
  for (const ManifestLeaf& leaf : all.leaves())
    if (leaf.manifest.digest == digest) return std::vector<ManifestLeaf>{leaf};
  return fail(ErrorKind::kNotFound, "no image with the digest '{}'", digest.str());
}

Result<std::vector<ManifestLeaf>> OciLayout::leaves_of_tag(const std::string& tag) const {
  ManifestSearch found = search();
  const std::vector<ManifestLeaf>& leaves = found.leaves();
  std::set<std::string> tags;
  bool untagged = false;
  for (std::size_t i = 0; i < index_.manifests.size(); ++i) {
    const OciDescriptor& entry = index_.manifests[i];
    const std::string name = entry.annotation(kRefName);
    if (is_attestation(entry)) continue;
    if (name.empty())
      untagged = true;
    else
      tags.insert(printable(name));
    if (tag.empty() || name == tag) TRY(found.add(entry, i));
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
  const bool one_image = std::ranges::all_of(leaves, [&](const ManifestLeaf& leaf) {
    return leaf.manifest.digest == leaves.front().manifest.digest;
  });
  if (one_image || tags.size() + (untagged ? 1 : 0) <= 1) return leaves;
  return fail(ErrorKind::kInvalidInput, "several images in it; name one by its tag: {}", list);
}

Result<OciLayout::Selection> OciLayout::select(const std::string& tag, const std::optional<Digest>& digest,
                                               const Platform& platform) const {
  auto pick = [&]() -> Result<Selection> {
    const std::vector<ManifestLeaf> leaves = TRY(digest ? leaves_of_digest(*digest) : leaves_of_tag(tag));
    const ManifestLeaf best = TRY(pick_manifest(leaves, platform));
    const OciDescriptor& entry = index_.manifests[best.entry];
    return Selection{.manifest = best.manifest,
                     .ref_name = entry.annotation(kRefName),
                     .image_name = entry.annotation(kImageName)};
  };
  return TRY_CTX(pick(), "OCI layout '{}'", printable(path_));
}

Result<LayeredImage> OciLayout::load(const Selection& selection) const {
  auto read = [&]() -> Result<LayeredImage> {
    return make_oci_image(
        TRY(read_document(selection.manifest)),
        [this](const OciDescriptor& config) { return read_document(config); },
        [this](const OciDescriptor& layer) { return open_blob(layer.digest); });
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
