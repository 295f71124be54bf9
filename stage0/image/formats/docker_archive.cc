#include "stage0/image/formats/docker_archive.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "stage0/image/link_path.h"
#include "stage0/image/local_file.h"
#include "stage0/store/docker_name.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

std::vector<std::string> read_texts(const std::optional<JsonNode>& node) {
  std::vector<std::string> texts;
  if (node)
    node->each([&](const JsonNode& element) {
      if (auto text = element.as_string()) texts.push_back(*std::move(text));
    });
  return texts;
}

// The SHA-256 that a member's path says it has: "<64 hex>.json" or "blobs/sha256/<64 hex>".
std::optional<Digest> digest_in_path(std::string_view path) {
  constexpr std::string_view kBlobs = "blobs/sha256/";
  constexpr std::string_view kJson = ".json";
  std::string_view hex;
  if (path.starts_with(kBlobs))
    hex = path.substr(kBlobs.size());
  else if (path.ends_with(kJson))
    hex = path.substr(0, path.size() - kJson.size());
  auto digest = Digest::parse("sha256:" + std::string(hex));
  if (!digest) return std::nullopt;
  return *std::move(digest);
}

// Full form of a name in RepoTags; as it is if it is no such name.
std::string full_name(const std::string& name) {
  const auto parsed = parse_docker_name(name);
  return parsed ? parsed->str() : name;
}

}  // namespace

Result<std::vector<DockerArchiveEntry>> parse_docker_manifest(std::string_view bytes) {
  const auto json = TRY_CTX(json_text::parse(bytes), "manifest.json");
  JsonProblems problems("manifest.json");
  std::vector<DockerArchiveEntry> entries;
  JsonNode(json, problems).each([&](const JsonNode& node) {
    const auto config = node.require("Config");
    entries.push_back({.config = config ? config->as_string().value_or("") : "",
                       .names = read_texts(node.find("RepoTags")),
                       .layers = read_texts(node.find("Layers"))});
    if (entries.back().layers.size() > kMaxLayers)
      node.complain(
          fmt::format("has {} layers; at most {} are taken", entries.back().layers.size(), kMaxLayers));
  });
  TRY(problems.to_result());
  return entries;
}

Result<std::unique_ptr<DockerArchive>> DockerArchive::open(const Store& store, const std::string& path,
                                                           std::uint64_t max_bytes) {
  std::unique_ptr<DockerArchive> archive(new DockerArchive());
  archive->path_ = path;
  auto read = [&]() -> Result<> {
    archive->archive_ = TRY(ArchiveFile::open(store, TRY(open_regular(sys::at_cwd(), path)), max_bytes));
    if (!archive->archive_->find("manifest.json"))
      return fail(ErrorKind::kInvalidInput,
                  "no 'manifest.json' in it: not a docker archive, or from a docker before 1.10");
    const std::string bytes = TRY(archive->archive_->read("manifest.json", kMaxOciDocument));
    archive->entries_ = TRY(parse_docker_manifest(bytes));
    return {};
  };
  TRY_CTX(read(), "docker archive '{}'", printable(path));
  return archive;
}

Result<const DockerArchiveEntry*> DockerArchive::pick(const std::string& name,
                                                      std::optional<std::uint32_t> index) const {
  if (index) {
    if (*index < entries_.size()) return &entries_[*index];
    return fail(ErrorKind::kNotFound, "no image @{}; there are {}", *index, entries_.size());
  }
  std::vector<std::string> all;
  const DockerArchiveEntry* found = nullptr;
  for (const DockerArchiveEntry& entry : entries_)
    for (const std::string& present : entry.names) {
      all.push_back("'" + printable(present) + "'");
      if (name.empty() || full_name(present) != name) continue;
      if (found != nullptr && found->config != entry.config)
        return fail(ErrorKind::kInvalidInput, "several images have the name '{}'", printable(name));
      found = &entry;
    }
  if (found != nullptr) return found;
  const std::string list = all.empty() ? "none has a name" : "there is " + join(all, ", ");
  if (!name.empty()) return fail(ErrorKind::kNotFound, "no image '{}'; {}", printable(name), list);
  if (entries_.empty()) return fail(ErrorKind::kNotFound, "no image in it");
  if (entries_.size() > 1) return fail(ErrorKind::kInvalidInput, "several images in it; name one ({})", list);
  return &entries_.front();
}

Result<LayeredImage> DockerArchive::read(const DockerArchiveEntry& entry) const {
  const std::string config_path = link_path("", entry.config);
  std::string bytes = TRY(archive_->read(config_path, kMaxOciDocument));
  const Digest digest = hash_of(HashAlgorithm::kSha256, bytes);
  if (const auto stated = digest_in_path(config_path); stated && *stated != digest)
    return fail(ErrorKind::kVerification, "config '{}' has the digest '{}'", printable(config_path),
                digest.str());
  OciConfig config = TRY(parse_oci_config(bytes));
  TRY(check_layer_count(entry.layers.size(), config.diff_ids.size()));

  std::string identity = bytes;
  for (const Digest& diff_id : config.diff_ids) identity += "\n" + diff_id.str();
  LayeredImage image{.format = ImageFormat::kDocker,
                     .id = image_id_of(hash_of(HashAlgorithm::kSha512, identity)),
                     .config = std::move(config)};
  for (std::size_t i = 0; i < entry.layers.size(); ++i) {
    const std::string path = link_path("", entry.layers[i]);
    const auto extent = archive_->find(path);
    if (!extent) return fail(ErrorKind::kNotFound, "no such file '{}' in the archive", printable(path));
    std::optional<Digest> blob_digest;
    if (path.starts_with("blobs/")) blob_digest = digest_in_path(path);
    image.layers.push_back(
        {.name = path,
         .blob_bytes = extent->length,
         .open = [archive = archive_, at = *extent]() -> Result<std::unique_ptr<ByteSource>> {
           return archive->source(at);
         },
         .blob_digest = std::move(blob_digest),
         .diff_id = image.config.diff_ids[i]});
  }
  image.config_document = Document{.digest = digest, .bytes = std::move(bytes)};
  for (const std::string& name : entry.names)
    if (const auto parsed = parse_docker_name(name)) image.names.full.push_back(parsed->str());
  return image;
}

Result<LayeredImage> DockerArchive::load(const std::string& name, std::optional<std::uint32_t> index) const {
  auto load = [&]() -> Result<LayeredImage> { return read(*TRY(pick(name, index))); };
  LayeredImage image = TRY_CTX(load(), "docker archive '{}'", printable(path_));
  image.names.source = source_name_of(path_);
  return image;
}

}  // namespace agena::stage0
