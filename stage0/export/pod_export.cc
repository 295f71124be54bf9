#include "stage0/export/pod_export.h"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "common/sys/user_namespace.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/export/layer_archive.h"
#include "stage0/export/layered_export.h"
#include "stage0/export/tree_diff.h"
#include "stage0/image/render/merged_archive.h"
#include "stage0/pod/choose_app.h"
#include "stage0/pod/private_users.h"
#include "stage0/tree/layers_file.h"
#include "stage0/unpack/parent_layers.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

// What the app's layer on top is called in an image's history.
constexpr const char* kCreatedBy = "export of an app";

// An app's files on disk.
struct AppFiles {
  schema::ImageManifest manifest;
  bool overlay = false;
  std::vector<LayerKey> layers = {};  // bottom first; of a copied root those of its image, if that is there
  std::optional<ImageRecord> image = {};
  sys::DirFd own = {};        // the writable layer, or the copied root; ids as the app sees them
  sys::DirFd place = {};      // the same in the pod
  sys::UniqueFd mapped = {};  // the mount that makes them so
};

ArchiveForm form_of(bool live, const ExportNotes& notes) {
  ArchiveForm form;
  form.live = live;
  form.note = [notes](const std::string& note) { add_note(notes, note); };
  return form;
}

// mountinfo writes blanks, tabs, newlines and backslashes in octal.
std::string unescape_mount_point(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    constexpr std::size_t kDigits = 3;
    if (text[i] != '\\' || i + kDigits >= text.size()) {
      path.push_back(text[i]);
      continue;
    }
    unsigned byte = 0;
    for (std::size_t digit = 1; digit <= kDigits; ++digit)
      byte = (byte * 8) + static_cast<unsigned>(text[i + digit] - '0');
    path.push_back(static_cast<char>(byte));
    i += kDigits;
  }
  return path;
}

// A copied root is read as it lies there, so nothing may be mounted on it.
Result<> check_no_mounts(const sys::DirFd& root) {
  const std::string path = TRY(sys::path_of_fd(root.get()));
  for (const std::string& line : split(TRY(sys::read_file(sys::at_cwd(), "/proc/self/mountinfo")), '\n')) {
    constexpr std::size_t kMountPoint = 4;
    const std::vector<std::string> fields = split(line, ' ');
    if (fields.size() <= kMountPoint) continue;
    const std::string place = unescape_mount_point(fields[kMountPoint]);
    if (place == path || place.starts_with(path + "/"))
      return fail(
          ErrorKind::kInvalidInput,
          "pod has remaining mountpoints ('{}'). Only pods using overlayfs or with no mountpoints can "
          "be exported",
          printable(place));
  }
  return {};
}

Result<std::optional<ImageRecord>> find_record(const Store& store, const std::string& id) {
  auto record = store.read_image(id);
  if (record) return *std::move(record);
  if (record.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  return std::unexpected(std::move(record).error());
}

// The app's writable layer, or its copied root.
Result<sys::DirFd> open_place(const Pod& pod, const std::string& app, bool overlay) {
  if (overlay) return sys::open_dir(pod.dir(), paths::app_upper(app), O_NOFOLLOW);
  const sys::DirFd stage1 = TRY(sys::open_dir(pod.dir(), paths::kStage1Root, O_NOFOLLOW));
  return sys::open_dir_in_root(stage1, paths::app_root_in_stage1(app));
}

Result<> open_own(const Pod& pod, const std::string& app, AppFiles& files) {
  files.place = TRY(open_place(pod, app, files.overlay));
  files.own = TRY(sys::open_dir(files.place, "."));
  if (!files.overlay) TRY(check_no_mounts(files.own));
  const auto ids = TRY(read_private_users(pod.dir()));
  if (!ids) return {};
  files.mapped = TRY_CTX(sys::clone_idmapped(files.own, "", TRY(sys::make_reverse_user_namespace(*ids))),
                         "the ids of the pod's user namespace");
  files.own = TRY(sys::open_dir(sys::DirRef(files.mapped.get()), "."));
  return {};
}

Result<AppFiles> open_app(const Store& store, const Pod& pod, const schema::PodManifest& manifest,
                          const std::string& app) {
  const std::string text = TRY(sys::read_file(pod.dir(), paths::app_image_manifest(app)));
  AppFiles files{.manifest = TRY_CTX(codec::parse_image_manifest(text), "image manifest of app '{}'", app)};
  files.overlay = TRY(sys::exists(pod.dir(), paths::kOverlayPrepared));
  files.image = TRY(find_record(store, schema::find_app(manifest, app)->image.id.key().str()));
  if (files.overlay) {
    files.layers = TRY(read_layers_file(pod.dir(), paths::app_layers(app)));
  } else if (files.image) {
    for (const LayerUse& use : files.image->layers) files.layers.push_back(use.key);
  }
  TRY(open_own(pod, app, files));
  return files;
}

Result<std::unique_ptr<ByteSource>> open_whole(const Store& store, AppFiles files, ArchiveForm form) {
  // The root has them in it; whoever imports it must not put them over it again, or leave files out.
  files.manifest.dependencies.clear();
  files.manifest.path_whitelist.clear();
  const std::string manifest = TRY(codec::write_image_manifest(files.manifest));
  form.plain = !files.overlay;
  std::vector<MergeInput> inputs;
  inputs.push_back({.tree = std::move(files.own)});
  if (files.overlay) {
    std::vector<sys::DirFd> layers = TRY(open_layers(store, files.layers));
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
      inputs.push_back({.tree = std::move(*layer)});
  }
  return open_rendered_aci(std::move(inputs), manifest, std::move(form));
}

Result<sys::DirFd> another(const sys::DirFd& dir) { return sys::open_dir(dir, "."); }

// The changes as an archive in the form of image layers.
Result<std::unique_ptr<ByteSource>> open_changes(const Store& store, const AppFiles& files,
                                                 ArchiveForm form) {
  std::vector<sys::DirFd> layers = TRY(open_layers(store, files.layers));
  std::vector<sys::DirFd> top_first;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) top_first.push_back(std::move(*layer));
  if (!files.overlay)
    return open_tree_changes(TRY(another(files.own)), std::move(top_first), std::move(form));
  std::vector<sys::DirRef> refs;
  for (const sys::DirFd& layer : top_first) refs.emplace_back(layer);
  return open_layer_anew(TRY(another(files.own)), lookup_in_layers(refs), std::move(form));
}

// An ACI may have been rendered over other dependencies since.
bool has_layers(const ImageRecord& image, const std::vector<LayerKey>& layers) {
  return std::ranges::equal(image.layers, layers, {}, &LayerUse::key);
}

Result<LayeredExport> open_layered(const Store& store, const std::shared_ptr<const AppFiles>& files,
                                   bool live, const ExportNotes& notes) {
  LayeredExport image;
  if (files->image && has_layers(*files->image, files->layers))
    image = TRY(layered_export(store, *files->image));
  else
    image = TRY(layered_export_of(store, files->layers, files->manifest));
  if (!files->image && !files->overlay)
    add_note(notes, "the app's image is not in the store any more: its whole root is one layer");
  // It is another image, and the names are the first one's.
  image.names.clear();
  image.manifest.reset();
  image.layers.push_back(
      {.open = [&store, files, live, notes] { return open_changes(store, *files, form_of(live, notes)); },
       .created_by = kCreatedBy});
  return image;
}

// Keeps an ended pod where it is; says whether it still runs.
Result<bool> check_state(Pod& pod) {
  const PodState state = TRY(pod.state());
  if (state == PodState::kRunning) return true;
  if (state != PodState::kExited && state != PodState::kExitedGarbage)
    return fail(ErrorKind::kInvalidInput,
                "pod is not exited: only pods that run or have ended can be exported (it is {})",
                contract::name_of(state));
  TRY(pod.hold());
  return false;
}

// A pod that runs is not held, and what is gone from its root is taken for deleted by the app. So when all is
// read it is made sure that nobody else was deleting there: pods are removed where no state is any more, and
// `app rm` takes an app out of the manifest first.
Result<> check_still_there(Pod& pod, const std::string& app, const sys::DirFd& place, bool overlay) {
  const auto is_there = [&]() -> Result<bool> {
    const PodState state = TRY(pod.state());
    if (state != PodState::kRunning && state != PodState::kExited && state != PodState::kExitedGarbage)
      return false;
    if (schema::find_app(TRY(read_pod_manifest(pod)), app) == nullptr) return false;
    const sys::DirFd now = TRY(open_place(pod, app, overlay));
    struct stat before{};
    struct stat after{};
    if (::fstat(place.get(), &before) != 0 || ::fstat(now.get(), &after) != 0)
      return sys_fail("reading attributes of the app's files");
    return before.st_dev == after.st_dev && before.st_ino == after.st_ino;
  };
  const auto there = is_there();
  if (there && *there) return {};
  if (!there && there.error().kind() != ErrorKind::kNotFound) return std::unexpected(there.error());
  return fail(ErrorKind::kNotFound, "app '{}' was removed while it was exported", app);
}

}  // namespace

Result<ExportReport> export_pod(Store& store, Pod& pod, const std::string& app, const ExportTarget& target,
                                const ExportOptions& asked) {
  const bool live = TRY(check_state(pod));
  const schema::PodManifest manifest = TRY(read_pod_manifest(pod));
  const std::string name = TRY(choose_app(manifest, app, "export"));
  const auto notes = std::make_shared<std::vector<std::string>>();
  if (live)
    notes->push_back(
        "the pod is running: each file is read once, and what changes meanwhile may be of different moments");
  auto files = std::make_shared<AppFiles>(TRY(open_app(store, pod, manifest, name)));
  ExportOptions options = asked;
  const sys::DirFd place = std::move(files->place);
  if (live)
    options.before_commit = [&, overlay = files->overlay] {
      return check_still_there(pod, name, place, overlay);
    };
  ExportReport report;
  if (options.format == ExportFormat::kAci) {
    options.compression = options.compression.value_or(Compression::kGzip);
    report =
        TRY(export_archive(TRY(open_whole(store, std::move(*files), form_of(live, notes))), target, options));
  } else {
    report = TRY(export_layered(TRY(open_layered(store, files, live, notes)), target, options));
  }
  report.notes.insert(report.notes.end(), notes->begin(), notes->end());
  return report;
}

}  // namespace agena::stage0
