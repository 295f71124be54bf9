#include "stage0/care/repair.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/care/image_users.h"
#include "stage0/image/importer.h"
#include "stage0/image/usage.h"
#include "stage0/store/docker_name.h"

namespace agena::stage0 {
namespace {

constexpr const char* kFromDependencies = "its dependencies";

// No pod may be made of what is taken away.
Result<> check_no_pod_uses(const std::string& data_dir, const std::vector<LayerKey>& layers) {
  for (const PodImages& pod : TRY(pods_with_images(data_dir)))
    for (const LayerKey& layer : layers)
      if (pod.layers.contains(layer))
        return std::unexpected(Error(ErrorKind::kBusy, fmt::format("layer '{}' is used by pod '{}'",
                                                                   layer.str(), pod.uuid.str()))
                                   .with_hint("stop and remove the pod first"));
  return {};
}

// Whether what was fetched is the image, and whole.
Result<> check_repaired(const Store& store, const ImageCheck& check, const ImageRecord& fetched) {
  if (fetched.id != check.image.id)
    return fail(ErrorKind::kNotFound, "it is another image by now ('{}')", fetched.id);
  if (!TRY(store.is_complete(TRY(store.read_image(check.image.id)))))
    return fail(ErrorKind::kNotFound, "it did not bring back what is missing");
  for (const LayerVerdict& fault : check.faults)
    if (TRY(store.verify_layer(fault.key)).state != LayerVerdict::State::kIntact)
      return fail(ErrorKind::kVerification, "layer '{}' is damaged again", fault.key.str());
  return {};
}

// An ACI whose own files are whole is put together again from what the store has.
bool can_render_again(const ImageCheck& check) {
  return !check.image.sources.empty() && std::ranges::all_of(check.faults, [&](const LayerVerdict& fault) {
    return std::ranges::find(check.image.sources, fault.key, &LayerUse::key) == check.image.sources.end();
  });
}

// A URL by whose name the image is known. Of one with a query there is only a hash (Reference::store_name).
bool is_url_to_ask(std::string_view name) {
  return (name.starts_with("http://") || name.starts_with("https://")) && !name.contains('?');
}

}  // namespace

Result<ImageCheck> check_image(const Store& store, const ImageRecord& record) {
  std::vector<LayerKey> keys;
  for (const auto* uses : {&record.layers, &record.sources})
    for (const LayerUse& use : *uses) keys.push_back(use.key);
  const auto hold = TRY(store.hold_layers(keys));
  ImageCheck check{.image = record, .faults = {}, .documents = {}, .repaired_from = {}};
  for (LayerVerdict& verdict : TRY(store.verify_image(record)))
    if (verdict.state != LayerVerdict::State::kIntact) check.faults.push_back(std::move(verdict));
  check.documents = TRY(store.damaged_documents(record));
  // What somebody removes meanwhile is not damaged, nor wanted back.
  if (!check.intact()) TRY(store.read_image(record.id));
  return check;
}

Error describe_damage(const ImageCheck& check) {
  std::string text;
  for (const LayerVerdict& fault : check.faults)
    text += fmt::format("{}layer '{}' is {}: {}", text.empty() ? "" : "; ", fault.key.str(),
                        fault.state == LayerVerdict::State::kMissing ? "missing" : "corrupt", fault.detail);
  for (const Digest& document : check.documents)
    text += fmt::format("{}document '{}' is missing or corrupt", text.empty() ? "" : "; ", document.str());
  return {ErrorKind::kVerification, text};
}

std::vector<std::string> references_of(const ImageRecord& record) {
  std::vector<std::string> references;
  auto add = [&](std::string reference) {
    if (std::ranges::find(references, reference) == references.end())
      references.push_back(std::move(reference));
  };
  for (const std::string& origin : record.origins) add(origin);
  for (const ImageName& name : record.names)
    if (is_url_to_ask(name.name)) add(name.name);
  if (record.oci && record.oci->manifest_digest) {
    for (const ImageName& name : record.names) {
      const auto parsed = parse_docker_name(cut(name.name, '@').before);
      if (!parsed || !cut(name.name, '/').found) continue;
      add(fmt::format("docker://{}/{}@{}", parsed->domain, parsed->repository,
                      record.oci->manifest_digest->str()));
    }
  }
  // An ACI of which nothing else is known may be found by its name.
  if (record.format == ImageFormat::kAci && references.empty()) add(manifest_name(record));
  return references;
}

Result<> repair_image(Store& store, const std::string& data_dir, ImageCheck& check, const Refetch& refetch) {
  // What a repair that was killed had taken away comes back now, not when it would be in the way of what is
  // fetched.
  if (const auto tidied = store.tidy(); !tidied) log::debug("repair: {}", tidied.error().to_string());
  for (LayerVerdict& fault : check.faults)
    if (fault.state == LayerVerdict::State::kMissing) fault = TRY(store.verify_layer(fault.key));
  std::vector<LayerKey> corrupt;
  for (const LayerVerdict& fault : check.faults)
    if (fault.state == LayerVerdict::State::kCorrupt) corrupt.push_back(fault.key);
  Store::SetAside aside = TRY(store.set_aside(
      corrupt, check.documents, [&]() -> Result<> { return check_no_pod_uses(data_dir, corrupt); }));
  std::string tried;
  auto attempt = [&](const std::string& reference, Result<ImageRecord> fetched) {
    const Result<> done = fetched ? check_repaired(store, check, *fetched)
                                  : Result<>(std::unexpected(std::move(fetched).error()));
    if (done) {
      check.repaired_from = reference;
      return true;
    }
    tried +=
        fmt::format("{}{}: {}", tried.empty() ? "" : "; ", printable(reference), done.error().to_string());
    return false;
  };
  if (can_render_again(check) && attempt(kFromDependencies, refresh_aci(store, check.image))) return {};
  for (const std::string& reference : references_of(check.image))
    if (attempt(reference, refetch(reference))) return {};
  // Better a damaged layer than none: what is whole of it can still be had.
  TRY(std::move(aside).put_back());
  return fail(ErrorKind::kNotFound, "no source gives it back ({})",
              tried.empty() ? "it is not known where it came from" : tried);
}

}  // namespace agena::stage0
