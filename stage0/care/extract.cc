#include "stage0/care/extract.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "common/sys/rlimit.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/tree/copy_tree.h"
#include "stage0/tree/layers_file.h"

namespace agena::stage0 {
namespace {

// Absolute path without symlinks of something that exists.
Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), ::free);
  if (!real) return sys_fail("'{}'", printable(path));
  return std::string(real.get());
}

bool holds(const std::string& directory, const std::string& path) {
  return path == directory || directory == "/" || path.starts_with(directory + "/");
}

// Where the directory is to be.
struct Target {
  sys::DirFd parent;
  std::string name;
  bool exists = false;
};

Result<Target> open_target(const ExtractRequest& request) {
  std::string path = request.directory;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path.empty()) return fail(ErrorKind::kInvalidInput, "the output directory has no name");
  const auto real = real_path(path);
  if (!real && real.error().sys_errno() != ENOENT) return std::unexpected(real.error());
  if (real && *real == "/")
    return fail(ErrorKind::kInvalidInput, "this would delete your root filesystem. Refusing.");
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  Target target{.parent = TRY(sys::open_dir(sys::at_cwd(), parent)),
                .name = slash == std::string::npos ? path : path.substr(slash + 1)};
  if (target.name == "." || target.name == "..")
    return fail(ErrorKind::kInvalidInput, "'{}' is not the name of a new directory", printable(path));
  target.exists = TRY(sys::exists(target.parent, target.name));
  if (target.exists && !request.overwrite)
    return fail(ErrorKind::kAlreadyExists, "output directory exists (try --overwrite)");
  const auto data = real_path(request.data_dir);
  if (target.exists && real && data && holds(*real, *data))
    return fail(ErrorKind::kInvalidInput, "'{}' holds the data directory '{}'. Refusing.", printable(path),
                request.data_dir);
  return target;
}

std::string scratch_prefix(const std::string& name) { return "." + name + ".agena-"; }

// Removes what extractions into this place that were killed have left: their locks are free.
void remove_leftovers(const Target& target) {
  const auto names = sys::list_dir(target.parent);
  if (!names) return;
  for (const std::string& name : *names) {
    if (!name.starts_with(scratch_prefix(target.name))) continue;
    auto dir = sys::open_dir(target.parent, name, O_NOFOLLOW);
    if (!dir) continue;
    const auto lock = sys::FileLock::try_now(*std::move(dir), sys::LockMode::kExclusive);
    if (!lock || !*lock) continue;
    if (const auto removed = sys::remove_tree(target.parent, name); !removed)
      log::debug("extract: {}", removed.error().to_string());
  }
}

Result<std::string> make_scratch(const Target& target) {
  std::array<char, 8> bytes{};
  (void)!::getrandom(bytes.data(), bytes.size(), 0);
  // Names have 255 bytes at most.
  const std::string name = scratch_prefix(target.name) + to_hex({bytes.data(), bytes.size()});
  if (::mkdirat(target.parent.get(), name.c_str(), 0700) != 0)
    return sys_fail("creating a directory beside '{}'", printable(target.name));
  return name;
}

Result<> write_root(const Store& store, const std::vector<LayerUse>& layers, const sys::DirFd& root) {
  std::vector<LayerKey> keys;
  for (const LayerUse& layer : layers) keys.push_back(layer.key);
  // The image may be removed meanwhile; what is deleted while it is read would look like an end.
  const auto hold = TRY(store.hold_layers(keys));
  const std::vector<sys::DirFd> open = TRY(open_layers(store, keys));
  if (open.empty()) return {};
  const std::size_t attributes = TRY(root_attributes_layer(store, keys, open));
  return copy_layers(open, open[attributes], root);
}

Result<> write_image(const Store& store, const ImageRecord& record, const ExtractRequest& request,
                     const sys::DirFd& place) {
  const auto& layers = request.only_own && !record.sources.empty() ? record.sources : record.layers;
  if (request.rootfs_only) return write_root(store, layers, place);
  const std::string manifest = TRY(codec::write_image_manifest(record.manifest));
  TRY(sys::write_file(place, "manifest", manifest, 0644));
  TRY(sys::make_dir(place, "rootfs", 0755));
  TRY(write_root(store, layers, TRY(sys::open_dir(place, "rootfs", O_NOFOLLOW))));
  if (::fchmod(place.get(), 0755) != 0) return sys_fail("setting the mode of a directory");
  return {};
}

}  // namespace

Result<> extract_image(const Store& store, const ImageRecord& record, const ExtractRequest& request) {
  const sys::RaisedFileLimit many_files;
  const Target target = TRY(open_target(request));
  remove_leftovers(target);
  const std::string scratch = TRY(make_scratch(target));
  const Cleanup remove_scratch([&] {
    if (const auto removed = sys::remove_tree(target.parent, scratch); !removed)
      log::debug("extract: {}", removed.error().to_string());
  });
  const sys::FileLock lock = TRY(
      sys::FileLock::wait(TRY(sys::open_dir(target.parent, scratch, O_NOFOLLOW)), sys::LockMode::kExclusive));
  const sys::DirFd place = TRY(sys::open_dir(target.parent, scratch, O_NOFOLLOW));
  TRY(write_image(store, record, request, place));
  TRY(sys::sync_file_system(place.get()));
  if (target.exists) {
    // The old one gets the scratch name, and goes with it.
    if (::renameat2(target.parent.get(), scratch.c_str(), target.parent.get(), target.name.c_str(),
                    RENAME_EXCHANGE) != 0)
      return sys_fail("replacing '{}'", printable(request.directory));
  } else {
    TRY_CTX(sys::rename_new(target.parent, scratch, target.parent, target.name), "making '{}'",
            printable(request.directory));
  }
  return sys::sync_dir(target.parent);
}

}  // namespace agena::stage0
