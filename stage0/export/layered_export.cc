#include "stage0/export/layered_export.h"

#include <algorithm>
#include <utility>

#include "stage0/export/layer_archive.h"
#include "stage0/export/oci_config.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/store/docker_name.h"
#include "stage0/unpack/hash.h"
#include "stage0/unpack/parent_layers.h"

namespace agena::stage0 {
namespace {

// Keeps the trees open that a lookup reads.
struct Below {
  std::vector<sys::DirFd> trees;  // top first
  ParentLookup lookup;
};

Result<std::shared_ptr<Below>> open_below(const Store& store, const std::vector<LayerKey>& keys) {
  auto below = std::make_shared<Below>();
  std::vector<sys::DirRef> refs;
  for (auto key = keys.rbegin(); key != keys.rend(); ++key)
    below->trees.push_back(TRY(store.open_layer_fs(*key)));
  for (const sys::DirFd& tree : below->trees) refs.emplace_back(tree);
  below->lookup = lookup_in_layers(std::move(refs));
  return below;
}

Digest chain_of(const std::optional<Digest>& below, const Digest& diff_id) {
  return below ? hash_of(HashAlgorithm::kSha256, below->str() + " " + diff_id.str()) : diff_id;
}

// A layer of the store by its place among the diffIDs of a config; nullopt if there is none with an exact
// archive.
Result<std::optional<LayerKey>> find_exact(const Store& store, const Digest& diff_id, const Digest& chain) {
  for (const LayerKey& key : {TRY(LayerKey::of_chain_id(chain)), LayerKey::of_diff_id(diff_id)}) {
    if (!TRY(store.has_layer(key))) continue;
    const LayerMeta meta = TRY(store.layer_meta(key));
    if (meta.diff_id == diff_id && meta.skeleton_digest) return key;
  }
  return std::nullopt;
}

// All keys that the layers of an image may have.
Result<std::vector<LayerKey>> possible_keys(const ImageRecord& record, const std::vector<Digest>& diff_ids) {
  std::vector<LayerKey> keys;
  for (const LayerUse& use : record.layers) keys.push_back(use.key);
  std::optional<Digest> chain;
  for (const Digest& diff_id : diff_ids) {
    chain = chain_of(chain, diff_id);
    keys.push_back(TRY(LayerKey::of_chain_id(*chain)));
    keys.push_back(LayerKey::of_diff_id(diff_id));
  }
  return keys;
}

// The layers that the config lists, all exact; nullopt if one of them cannot be had: it was not kept because
// others hide it, or its archive is lost.
Result<std::optional<std::vector<ExportLayer>>> exact_layers(const Store& store,
                                                             const std::vector<Digest>& diff_ids) {
  std::vector<ExportLayer> layers;
  const auto notes = std::make_shared<std::vector<std::string>>();
  std::optional<Digest> chain;
  for (const Digest& diff_id : diff_ids) {
    chain = chain_of(chain, diff_id);
    const auto key = TRY(find_exact(store, diff_id, *chain));
    if (!key) return std::nullopt;
    layers.push_back(TRY(export_layer(store, *key, {}, notes)));
  }
  if (!notes->empty()) return std::nullopt;
  return layers;
}

std::vector<std::string> docker_names(const ImageRecord& record) {
  std::vector<ImageName> names = record.names;
  std::ranges::stable_sort(names, std::ranges::greater(), &ImageName::time);
  std::vector<std::string> full;
  for (const ImageName& name : names)
    if (const auto parsed = parse_docker_name(name.name); parsed && parsed->str() == name.name)
      full.push_back(name.name);
  if (!full.empty() || record.format != ImageFormat::kAci) return full;
  const std::string* version = record.manifest.labels.find("version");
  const std::string name = record.manifest.name.str() + ":" + (version == nullptr ? "latest" : *version);
  // An appc name with a domain in front is one of docker's as well; others would be docker.io's.
  if (const auto parsed = parse_docker_name(name); parsed && parsed->str() == name) full.push_back(name);
  return full;
}

Result<> add_record_layers(const Store& store, const ImageRecord& record, LayeredExport& image) {
  std::vector<LayerKey> below;
  for (const LayerUse& use : record.layers) {
    image.layers.push_back(TRY(export_layer(store, use.key, below, image.notes)));
    below.push_back(use.key);
  }
  return {};
}

ArchiveForm noting(const ExportNotes& notes) {
  ArchiveForm form;
  form.note = [notes](const std::string& note) { add_note(notes, note); };
  return form;
}

// Whether a layer's archive is one of an OCI or docker image: others have `rootfs/` in front, or never were.
bool is_image_layer(const LayerKey& key) {
  return key.kind() == LayerKey::Kind::kChain || key.str().starts_with("sha256-");
}

}  // namespace

void add_note(const ExportNotes& notes, const std::string& note) {
  if (std::ranges::find(*notes, note) == notes->end()) notes->push_back(note);
}

Result<ExportLayer> export_layer(const Store& store, const LayerKey& key, std::vector<LayerKey> below,
                                 const ExportNotes& notes) {
  const LayerMeta meta = TRY(store.layer_meta(key));
  if (meta.skeleton_digest && key.kind() != LayerKey::Kind::kMerged)
    return ExportLayer{.open = [&store, key] { return store.open_layer_archive(key); },
                       .diff_id = meta.diff_id};
  auto why = store.open_layer_archive(key);
  add_note(notes, fmt::format("{}; it is archived anew, under another diffID",
                              why ? fmt::format("layer '{}' was merged of several", key.str())
                                  : why.error().to_string()));
  return ExportLayer{.open = [&store, key, below, notes]() -> Result<std::unique_ptr<ByteSource>> {
    const auto opened = TRY(open_below(store, below));
    return open_layer_anew(TRY(store.open_layer_fs(key)), opened->lookup, noting(notes));
  }};
}

Result<LayeredExport> layered_export_of(const Store& store, const std::vector<LayerKey>& layers,
                                        const schema::ImageManifest& manifest) {
  LayeredExport image;
  image.hold = TRY(store.hold_layers(layers));
  image.config = TRY(derive_config(manifest));
  std::vector<LayerKey> below;
  for (const LayerKey& key : layers) {
    if (is_image_layer(key)) {
      image.layers.push_back(TRY(export_layer(store, key, below, image.notes)));
    } else {
      image.layers.push_back(
          {.open = [&store, key, notes = image.notes]() -> Result<std::unique_ptr<ByteSource>> {
            return open_layer_anew(TRY(store.open_layer_fs(key)), {}, noting(notes));
          }});
    }
    below.push_back(key);
  }
  return image;
}

Result<LayeredExport> layered_export(const Store& store, const ImageRecord& record) {
  if (record.format == ImageFormat::kAci) {
    // An ACI's files, or what was rendered of it and its dependencies, as one layer.
    std::vector<LayerKey> keys;
    for (const LayerUse& use : record.layers) keys.push_back(use.key);
    LayeredExport image = TRY(layered_export_of(store, keys, record.manifest));
    image.names = docker_names(record);
    return image;
  }
  if (!record.oci || !record.oci->config_digest)
    return fail(ErrorKind::kInternal, "image '{}' has no config", record.id);
  LayeredExport image;
  image.names = docker_names(record);
  image.config = TRY(store.read_blob(*record.oci->config_digest));
  if (record.oci->manifest_digest) image.manifest = TRY(store.read_blob(*record.oci->manifest_digest));
  const OciConfig config = TRY_CTX(parse_oci_config(image.config), "image '{}'", record.id);
  image.hold = TRY(store.hold_layers(TRY(possible_keys(record, config.diff_ids))));
  if (auto exact = TRY(exact_layers(store, config.diff_ids))) {
    image.layers = *std::move(exact);
    return image;
  }
  TRY(add_record_layers(store, record, image));
  if (image.notes->empty())
    add_note(image.notes,
             "layers that others hide were not kept and are left out: the image gets another config");
  return image;
}

}  // namespace agena::stage0
