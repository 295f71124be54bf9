#include "stage0/pod/image_choice.h"

#include <unistd.h>

#include "common/base/strings.h"
#include "common/base/trace.h"
#include "common/sys/fs.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/fetch/fetch.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/pod/image_isolators.h"
#include "stage0/pod/manifest_builder.h"
#include "stage0/pod/stage1_select.h"
#include "stage0/store/similar.h"

namespace agena::stage0 {
namespace {

CallerFacts caller_facts(const PrepareRequest& request) {
  CallerFacts facts{.environment = {}, .uid = ::getuid(), .gid = ::getgid()};
  if (!request.inherit_env) return facts;
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
    const Cut pair = cut(*variable, '=');
    // What has no name, or is not text, cannot stand in a manifest.
    if (pair.found && !pair.before.empty() && is_utf8(*variable))
      facts.environment.push_back({std::string(pair.before), std::string(pair.after)});
  }
  return facts;
}

Result<ImageRecord> find_stage1(Store& store, const Engine& engine, const PrepareRequest& request) {
  const trace::Scope scope("find stage1");
  return select_stage1(store, engine, request.stage1, request.insecure);
}

// Whether what was given as an image is more likely an argument that was meant for the app before it.
bool is_plain_word(std::string_view text) { return text.find_first_of(":/.,@") == std::string_view::npos; }

Result<> choose_by_request(Store& store, const Engine& engine, const PrepareRequest& request,
                           ImageChoice& choice) {
  const ImageSources from{.policy = request.pull_policy,
                          .insecure = request.insecure,
                          .platform = request.platform,
                          .max_bytes = request.max_image_bytes};
  std::vector<ImageRecord> allowed;
  for (const AppRequest& app : request.apps) {
    auto image = find_app_image(store, engine, app, from);
    if (!image && !choice.apps.empty() && is_plain_word(app.image))
      image = std::unexpected(with_better_hint(
          std::move(image).error(),
          fmt::format("arguments of an app stand behind '--': {} -- {}",
                      shown_reference(request.apps[choice.apps.size() - 1].image), printable(app.image))));
    choice.apps.push_back(TRY_CTX(std::move(image), "image '{}'", shown_reference(app.image)));
    allowed.push_back(TRY(with_allowed_isolators(choice.apps.back(), app, engine, request.insecure)));
  }
  choice.manifest = TRY(build_pod_manifest(request, allowed, caller_facts(request)));
  return {};
}

// A manifest that leaves an app to its image has not said that the image may have what it asks for.
Result<> limit_given_app(schema::RuntimeApp& app, const ImageRecord& image, const Engine& engine,
                         const InsecureOptions& insecure) {
  if (app.app || !image.manifest.app) return {};
  ImageRecord allowed = TRY(with_allowed_isolators(image, {}, engine, insecure));
  if (allowed.manifest.app != image.manifest.app) app.app = std::move(allowed.manifest.app);
  return {};
}

Result<> choose_by_manifest(Store& store, const Engine& engine, const PrepareRequest& request,
                            ImageChoice& choice) {
  const std::string& path = request.pod_manifest;
  const std::string text = TRY_CTX(sys::read_file(sys::at_cwd(), path), "--pod-manifest");
  choice.manifest = TRY_CTX(codec::parse_pod_manifest(text), "file '{}'", printable(path));
  for (const schema::RuntimeApp& app : choice.manifest.apps)
    choice.apps.push_back(TRY_CTX(store.read_image(app.image.id.key().str()), "file '{}': app '{}'",
                                  printable(path), app.name.str()));
  TRY_CTX(check_given_manifest(choice.manifest, choice.apps), "file '{}'", printable(path));
  for (std::size_t i = 0; i < choice.apps.size(); ++i)
    TRY(limit_given_app(choice.manifest.apps[i], choice.apps[i], engine, request.insecure));
  return {};
}

}  // namespace

Result<ImageRecord> find_app_image(Store& store, const Engine& engine, const AppRequest& app,
                                   const ImageSources& from) {
  const trace::Scope scope("find or fetch image", app.image);
  const Reference reference = TRY(parse_reference(app.image));
  const ProgressCallback progress = engine.watch_import ? engine.watch_import(app.image) : ProgressCallback();
  auto image = fetch_image(store, reference, engine.fetch,
                           {.policy = from.policy,
                            .insecure = from.insecure,
                            .platform = from.platform,
                            .max_bytes = from.max_bytes,
                            .signature = app.signature},
                           progress);
  if (image || reference.is_local()) return image;
  return std::unexpected(with_similar_image(std::move(image).error(), store, app.image));
}

Result<bool> all_present(const Store& store, std::span<const LayerKey> layers) {
  for (const LayerKey& key : layers)
    if (!TRY(store.has_layer(key))) return false;
  return true;
}

Result<RootSource> root_source(const ImageRecord& image) {
  RootSource root;
  for (const LayerUse& layer : image.layers) root.layers.push_back(layer.key);
  root.chain_id = image.chain_id;
  root.manifest = TRY(codec::write_image_manifest(image.manifest));
  return root;
}

Result<ImageChoice> choose_images(Store& store, const Engine& engine, const PrepareRequest& request) {
  ImageChoice choice{.stage1 = TRY(find_stage1(store, engine, request)), .apps = {}, .manifest = {}};
  if (request.pod_manifest.empty())
    TRY(choose_by_request(store, engine, request, choice));
  else
    TRY(choose_by_manifest(store, engine, request, choice));
  return choice;
}

Result<PodSources> sources_of(const ImageChoice& choice) {
  PodSources sources{.stage1 = TRY(root_source(choice.stage1)), .apps = {}};
  for (std::size_t i = 0; i < choice.apps.size(); ++i)
    sources.apps.push_back({choice.manifest.apps[i].name.str(), TRY(root_source(choice.apps[i]))});
  return sources;
}

}  // namespace agena::stage0
