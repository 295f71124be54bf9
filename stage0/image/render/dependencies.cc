#include "stage0/image/render/dependencies.h"

#include <algorithm>

#include "common/base/strings.h"
#include "stage0/image/link_path.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxInputs = 1000;

// An ACI's own files: what is rendered from them is another layer.
Result<LayerKey> own_layer(const ImageRecord& record) {
  if (record.format != ImageFormat::kAci)
    return fail(ErrorKind::kUnsupported, "image '{}' is no ACI and cannot be a dependency", record.id);
  const std::vector<LayerUse>& layers = record.sources.empty() ? record.layers : record.sources;
  if (layers.size() != 1) return fail(ErrorKind::kInternal, "image '{}' has no layer of its own", record.id);
  return layers.front().key;
}

Result<ImageRecord> find_by_id(Store& store, const schema::Dependency& dependency) {
  ImageRecord record = TRY(store.read_image(dependency.image_id->key().str()));
  const bool same_name = record.manifest.name == dependency.image_name;
  const bool has_labels = std::ranges::all_of(dependency.labels, [&](const schema::Label& label) {
    const std::string* value = record.manifest.labels.find(label.name.str());
    return value != nullptr && *value == label.value;
  });
  if (!same_name || !has_labels)
    return fail(ErrorKind::kVerification, "image '{}' is '{}' and has not the name and labels asked for",
                record.id, record.manifest.name.str());
  return record;
}

Result<ImageRecord> find_dependency(Store& store, const schema::Dependency& dependency,
                                    const ImageFilter& suits) {
  ImageRecord record =
      TRY(dependency.image_id ? find_by_id(store, dependency)
                              : store.find_app_image(dependency.image_name, dependency.labels, suits));
  if (!dependency.size) return record;
  // The specification does not say whether the compressed or the plain image is meant.
  const std::uint64_t plain = TRY(store.layer_meta(TRY(own_layer(record)))).archive_bytes;
  if (*dependency.size != plain && *dependency.size != record.source_size)
    return fail(ErrorKind::kVerification, "the image '{}' has a size of {} bytes, not the {} asked for",
                record.id, plain, *dependency.size);
  return record;
}

class Resolver {
 public:
  Resolver(Store& store, const ImageFilter& suits) : store_(store), suits_(suits) {}

  Result<> add(const std::string& id, const schema::ImageManifest& manifest, const LayerKey& layer) {
    if (std::ranges::find(branch_, id) != branch_.end())
      return fail(ErrorKind::kInvalidInput, "its dependencies lead back to image '{}'", id);
    if (inputs_.size() == kMaxInputs)
      return fail(ErrorKind::kInvalidInput, "more than {} dependencies", kMaxInputs);
    RenderInput input{.image_id = id, .layer = layer, .rules = {.own = {}, .dependants = filters_}};
    if (!manifest.path_whitelist.empty()) input.rules.own.emplace_back(manifest.path_whitelist);
    inputs_.push_back(std::move(input));
    if (manifest.dependencies.empty()) return {};
    branch_.push_back(id);
    if (!manifest.path_whitelist.empty()) filters_.emplace_back(manifest.path_whitelist);
    for (const schema::Dependency& dependency : manifest.dependencies) {
      const ImageRecord record =
          TRY_CTX(find_dependency(store_, dependency, suits_), "dependency '{}' of '{}'",
                  dependency.image_name.str(), manifest.name.str());
      TRY(add(record.id, record.manifest, TRY(own_layer(record))));
    }
    if (!manifest.path_whitelist.empty()) filters_.pop_back();
    branch_.pop_back();
    return {};
  }

  std::vector<RenderInput> take() { return std::move(inputs_); }

 private:
  Store& store_;
  const ImageFilter& suits_;
  std::vector<RenderInput> inputs_;
  std::vector<std::string> branch_;  // ids from the top to where we are
  std::vector<PathFilter> filters_;  // their whitelists
};

}  // namespace

PathFilter::PathFilter(const std::vector<std::string>& whitelist) {
  for (const std::string& path : whitelist) paths_.insert(link_path("", path));
}

bool PathFilter::leads_to_listed(const std::string& directory) const {
  if (directory.empty() || lists(directory)) return true;
  const std::string prefix = directory + "/";
  const auto it = paths_.lower_bound(prefix);
  return it != paths_.end() && it->starts_with(prefix);
}

bool PathRules::allow(const std::string& path, bool is_directory) const {
  const auto dependant_allows = [&](const PathFilter& filter) {
    return is_directory ? filter.leads_to_listed(path) : filter.lists(path);
  };
  const auto own_allows = [&](const PathFilter& filter) { return is_directory || filter.lists(path); };
  return std::ranges::all_of(dependants, dependant_allows) && std::ranges::all_of(own, own_allows);
}

bool needs_rendering(const schema::ImageManifest& manifest) {
  return !manifest.dependencies.empty() || !manifest.path_whitelist.empty();
}

Result<std::vector<RenderInput>> resolve_inputs(Store& store, const std::string& image_id,
                                                const schema::ImageManifest& manifest, const LayerKey& layer,
                                                const ImageFilter& suits) {
  Resolver resolver(store, suits);
  TRY(resolver.add(image_id, manifest, layer));
  return resolver.take();
}

Result<LayerKey> rendered_key(const std::vector<RenderInput>& inputs) {
  std::vector<std::string> ids;
  for (const RenderInput& input : inputs) ids.push_back(input.image_id);
  const Digest digest = hash_of(HashAlgorithm::kSha512, join(ids, ","));
  return LayerKey::parse("deps-sha512-" + digest.hex().substr(0, 64));
}

}  // namespace agena::stage0
