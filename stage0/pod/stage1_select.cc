#include "stage0/pod/stage1_select.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "manifests/schema/image_id.h"
#include "stage0/fetch/fetch.h"
#include "stage0/fetch/signature_gate.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/store/similar.h"

namespace agena::stage0 {
namespace {

Result<bool> is_file(const std::string& path) {
  const auto st = sys::stat_at(sys::at_cwd(), path, 0);
  if (st) return S_ISREG(st->st_mode);
  if (st.error().kind() == ErrorKind::kNotFound || st.error().sys_errno() == ENOTDIR) return false;
  return std::unexpected(st.error());
}

// Where stage1 images are taken from.
struct Source {
  Store& store;
  const Engine& engine;
  const InsecureOptions& insecure;
};

Result<ImageRecord> fetch(const Source& source, const Reference& reference) {
  return fetch_image(source.store, reference, source.engine.fetch,
                     {.insecure = source.insecure, .trusted_only = true});
}

Result<ImageRecord> import_file(const Source& source, const std::string& path) {
  Reference reference;
  reference.kind = ReferenceKind::kAciFile;
  reference.text = path;
  reference.path = path;
  return fetch(source, reference);
}

std::string in_directory(const std::string& directory, const std::string& file) {
  return directory.empty() || file.empty() ? "" : directory + "/" + file;
}

// The first of the files that is there; empty paths are skipped.
Result<ImageRecord> import_first(const Source& source, const std::vector<std::string>& candidates,
                                 std::string_view what) {
  std::string tried;
  for (const std::string& path : candidates) {
    if (path.empty()) continue;
    if (TRY(is_file(path))) return import_file(source, path);
    tried += (tried.empty() ? "'" : ", '") + path + "'";
  }
  return fail(ErrorKind::kNotFound, "no {}: looked for {}", what, tried.empty() ? "nothing" : tried);
}

// An image of the store by name. Stage1 is root on the host: first those that somebody vouches for.
enum class Which { kTrusted, kAny };
Result<std::optional<ImageRecord>> find_in_store(const Source& source, const std::string& name, Which which) {
  const FetchSettings& settings = source.engine.fetch;
  ImageFilter trusted;
  if (which == Which::kTrusted && !source.insecure.image)
    trusted = [&](const ImageRecord& image) { return is_trusted_image(image, settings); };
  // Where local files need signatures, images without one were not put there by anybody who may choose.
  if (which == Which::kAny && settings.local_signatures && !source.insecure.image) return std::nullopt;
  auto image = source.store.find_image(name, trusted);
  if (image) return *std::move(image);
  if (image.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  return std::unexpected(std::move(image).error());
}

bool is_called(const ImageRecord& image, const std::string& name, const std::string& version) {
  const std::string* has = image.manifest.labels.find("version");
  return image.manifest.name == name && (version.empty() || (has != nullptr && *has == version));
}

Result<ImageRecord> select_default(const Source& source) {
  const Stage1Default& stage1 = source.engine.stage1;
  std::optional<ImageRecord> any;
  if (!stage1.name.empty() && !stage1.version.empty()) {
    const std::string name = stage1.name + ":" + stage1.version;
    if (auto image = TRY(find_in_store(source, name, Which::kTrusted))) return *std::move(image);
    any = TRY(find_in_store(source, name, Which::kAny));
  }
  std::string location = stage1.location;
  if (location.contains("://")) {
    const Reference reference = TRY(parse_reference(location));
    if (any && !reference.is_local()) return *std::move(any);
    if (!reference.is_local()) return fetch(source, reference);
    location = reference.path;
  }
  auto file = import_first(
      source,
      {location, in_directory(stage1.images_dir, stage1.file), in_directory(stage1.program_dir, stage1.file)},
      "default stage1 image");
  // A file of that name counts more: it is one that the administrator has put there.
  if (any && !(file && is_called(*file, stage1.name, stage1.version))) return *std::move(any);
  return file;
}

// The image of this name that lies in a directory of stage1 images. Looking into all of them is cheap after
// the first time, because unchanged files are known.
Result<std::optional<ImageRecord>> find_in_directory(const Source& source, const std::string& directory,
                                                     const Reference& wanted) {
  auto names = directory.empty()
                   ? std::vector<std::string>()
                   : sys::list_dir(sys::at_cwd(), directory).value_or(std::vector<std::string>());
  for (const std::string& name : names) {
    if (!name.ends_with(".aci")) continue;
    auto image = TRY_CTX(import_file(source, directory + "/" + name), "stage1 image '{}'", name);
    if (is_called(image, wanted.name, wanted.version)) return std::optional(std::move(image));
  }
  return std::optional<ImageRecord>();
}

// Names of the stage1 images of the installation.
std::vector<std::string> installed_names(const Source& source) {
  std::vector<std::string> found;
  for (const std::string& directory : {source.engine.stage1.images_dir, source.engine.stage1.program_dir}) {
    if (directory.empty()) continue;
    for (const std::string& name :
         sys::list_dir(sys::at_cwd(), directory).value_or(std::vector<std::string>())) {
      if (!name.ends_with(".aci")) continue;
      const auto image = import_file(source, directory + "/" + name);
      if (image && std::ranges::find(found, image->manifest.name.str()) == found.end())
        found.push_back(image->manifest.name.str());
    }
  }
  return found;
}

// "fly" and "stage1-flyy" for "agena.dev/stage1-fly".
std::string hint_at_installed(const Source& source, const std::string& wanted) {
  const std::vector<std::string> names = installed_names(source);
  if (const std::string best = closest(wanted, names); !best.empty())
    return fmt::format("did you mean '{}'?", best);
  for (const std::string& name : names)
    if (name.ends_with("/" + wanted) || name.ends_with("-" + wanted))
      return fmt::format("did you mean '{}'?", name);
  return names.empty() ? "" : "installed are: " + join(names, ", ");
}

Result<ImageRecord> select_name(const Source& source, const std::string& name) {
  if (auto image = TRY(find_in_store(source, name, Which::kTrusted))) return *std::move(image);
  const Stage1Default& stage1 = source.engine.stage1;
  const Reference wanted = TRY(parse_reference(name, [](const std::string&) { return false; }));
  for (const std::string& directory : {stage1.images_dir, stage1.program_dir})
    if (auto found = TRY(find_in_directory(source, directory, wanted))) return *std::move(found);
  if (auto image = TRY(find_in_store(source, name, Which::kAny))) return *std::move(image);
  auto fetched = fetch(source, wanted);
  if (fetched || fetched.error().kind() != ErrorKind::kNotFound) return fetched;
  return std::unexpected(
      with_better_hint(std::move(fetched).error(), hint_at_installed(source, wanted.name)));
}

Result<ImageRecord> select_from_directory(const Source& source, const std::string& file) {
  if (file.contains('/'))
    return fail(ErrorKind::kInvalidInput, "'{}' is not the name of a file in the stage1 images directory",
                printable(file));
  const Stage1Default& stage1 = source.engine.stage1;
  return import_first(source, {in_directory(stage1.images_dir, file), in_directory(stage1.program_dir, file)},
                      "stage1 image");
}

Result<ImageRecord> select(const Source& source, const Stage1Selection& selection) {
  switch (selection.kind) {
    case Stage1Selection::Kind::kDefault:
      return select_default(source);
    case Stage1Selection::Kind::kUrl:
      return fetch(source, TRY(parse_reference(selection.value)));
    case Stage1Selection::Kind::kPath:
      return import_file(source, selection.value);
    case Stage1Selection::Kind::kName:
      return select_name(source, selection.value);
    case Stage1Selection::Kind::kHash:
      if (!schema::looks_like_image_id(selection.value))
        return fail(ErrorKind::kInvalidInput, "'{}' is not an image id (sha512-…)",
                    printable(selection.value));
      return source.store.find_image(selection.value);
    case Stage1Selection::Kind::kFromDir:
      return select_from_directory(source, selection.value);
  }
  return fail(ErrorKind::kInternal, "unknown way to select a stage1 image");
}

}  // namespace

Result<ImageRecord> select_stage1(Store& store, const Engine& engine, const Stage1Selection& selection,
                                  const InsecureOptions& insecure) {
  return TRY_CTX(select({store, engine, insecure}, selection), "finding the stage1 image");
}

}  // namespace agena::stage0
