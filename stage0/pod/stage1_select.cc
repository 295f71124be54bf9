#include "stage0/pod/stage1_select.h"

#include <array>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/fetch/fetch.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"

namespace agena::stage0 {
namespace {

Result<bool> is_file(const std::string& path) {
  const auto st = sys::stat_at(sys::at_cwd(), path, 0);
  if (st) return S_ISREG(st->st_mode);
  if (st.error().kind() == ErrorKind::kNotFound || st.error().sys_errno() == ENOTDIR) return false;
  return std::unexpected(st.error());
}

Result<ImageRecord> import_file(Store& store, const std::string& path) {
  Reference reference;
  reference.kind = ReferenceKind::kAciFile;
  reference.text = path;
  reference.path = path;
  return import_image(store, reference);
}

std::string in_directory(const std::string& directory, const std::string& file) {
  return directory.empty() || file.empty() ? "" : directory + "/" + file;
}

// The first of the files that is there; empty paths are skipped.
Result<ImageRecord> import_first(Store& store, const std::vector<std::string>& candidates,
                                 std::string_view what) {
  std::string tried;
  for (const std::string& path : candidates) {
    if (path.empty()) continue;
    if (TRY(is_file(path))) return import_file(store, path);
    tried += (tried.empty() ? "'" : ", '") + path + "'";
  }
  return fail(ErrorKind::kNotFound, "no {}: looked for {}", what, tried.empty() ? "nothing" : tried);
}

Result<ImageRecord> select_default(Store& store, const Engine& engine) {
  const Stage1Default& stage1 = engine.stage1;
  if (!stage1.name.empty() && !stage1.version.empty()) {
    auto image = store.find_image(stage1.name + ":" + stage1.version);
    if (image || image.error().kind() != ErrorKind::kNotFound) return image;
  }
  return import_first(store,
                      {stage1.location, in_directory(stage1.images_dir, stage1.file),
                       in_directory(stage1.program_dir, stage1.file)},
                      "default stage1 image");
}

// The image of this name that lies in a directory of stage1 images. Looking into all of them is cheap after
// the first time, because unchanged files are known.
Result<std::optional<ImageRecord>> find_in_directory(Store& store, const std::string& directory,
                                                     const Reference& wanted) {
  auto names = directory.empty()
                   ? std::vector<std::string>()
                   : sys::list_dir(sys::at_cwd(), directory).value_or(std::vector<std::string>());
  for (const std::string& name : names) {
    if (!name.ends_with(".aci")) continue;
    auto image = TRY_CTX(import_file(store, directory + "/" + name), "stage1 image '{}'", name);
    const std::string* version = image.manifest.labels.find("version");
    const bool right_version = wanted.version.empty() || (version != nullptr && *version == wanted.version);
    if (image.manifest.name == wanted.name && right_version) return std::optional(std::move(image));
  }
  return std::optional<ImageRecord>();
}

Result<ImageRecord> select_name(Store& store, const Engine& engine, const std::string& name) {
  auto image = store.find_image(name);
  if (image || image.error().kind() != ErrorKind::kNotFound) return image;
  const Reference wanted = TRY(parse_reference(name, [](const std::string&) { return false; }));
  for (const std::string& directory : {engine.stage1.images_dir, engine.stage1.program_dir})
    if (auto found = TRY(find_in_directory(store, directory, wanted))) return *std::move(found);
  return image;
}

Result<ImageRecord> select_from_directory(Store& store, const Engine& engine, const std::string& file) {
  if (file.contains('/'))
    return fail(ErrorKind::kInvalidInput, "'{}' is not the name of a file in the stage1 images directory",
                printable(file));
  return import_first(
      store, {in_directory(engine.stage1.images_dir, file), in_directory(engine.stage1.program_dir, file)},
      "stage1 image");
}

Result<ImageRecord> select_url(Store& store, const Engine& engine, const std::string& url,
                               const InsecureOptions& insecure) {
  return fetch_image(store, TRY(parse_reference(url)), engine.fetch, {.insecure = insecure});
}

Result<ImageRecord> select(Store& store, const Engine& engine, const Stage1Selection& selection,
                           const InsecureOptions& insecure) {
  switch (selection.kind) {
    case Stage1Selection::Kind::kDefault:
      return select_default(store, engine);
    case Stage1Selection::Kind::kUrl:
      return select_url(store, engine, selection.value, insecure);
    case Stage1Selection::Kind::kPath:
      return import_file(store, selection.value);
    case Stage1Selection::Kind::kName:
      return select_name(store, engine, selection.value);
    case Stage1Selection::Kind::kHash:
      return store.find_image(selection.value);
    case Stage1Selection::Kind::kFromDir:
      return select_from_directory(store, engine, selection.value);
  }
  return fail(ErrorKind::kInternal, "unknown way to select a stage1 image");
}

}  // namespace

Result<ImageRecord> select_stage1(Store& store, const Engine& engine, const Stage1Selection& selection,
                                  const InsecureOptions& insecure) {
  return TRY_CTX(select(store, engine, selection, insecure), "finding the stage1 image");
}

}  // namespace agena::stage0
