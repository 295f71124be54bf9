// Whole layers: whatever the archive, nothing outside of the layer's directory is touched, and a layer that
// unpacks equals its record, and gives its archive back byte for byte. The first byte: 1 puts checksums
// right, 2 is an ACI, 4 has a layer below.
//
// Needs root for owners and devices, and so that an escape would be seen: it runs in a mount namespace of its
// own where everything but the directory for the layers is read-only (AGENA_FUZZ_WRITABLE names a mount that
// stays writable, for a growing corpus). Without root it does nothing.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/namespaces.h"
#include "stage0/unpack/archive_skeleton.h"
#include "stage0/unpack/layer_unpacker.h"
#include "stage0/unpack/parent_layers.h"
#include "stage0/unpack/tree_record.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/tar_fixup.h"

namespace {

using namespace agena;          // NOLINT(google-build-using-namespace): a small program
using namespace agena::stage0;  // NOLINT(google-build-using-namespace)

template <class T>
T need(Result<T> result) {
  if (!result) std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
  FUZZ_CHECK(result.has_value());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// The directory of all layers: a tmpfs that is nowhere attached. `canary` lies beside the layers.
struct Arena {
  sys::DirFd dir;
  sys::DirFd below;
};

UnpackResult unpack(const std::string& archive, sys::DirRef target, const UnpackOptions& options) {
  StringSource source(archive);
  return need(unpack_layer(source, target, options));
}

Arena make_arena() {
  need(sys::enter_private_mount_namespace());
  const sys::UniqueFd root = need(sys::open_at(sys::at_cwd(), "/", O_PATH | O_DIRECTORY));
  need(sys::set_mount_attributes(root, MOUNT_ATTR_RDONLY, 0, 0, true));
  if (const char* writable = std::getenv("AGENA_FUZZ_WRITABLE"))
    need(sys::set_mount_attributes(need(sys::open_at(sys::at_cwd(), writable, O_PATH)), 0, MOUNT_ATTR_RDONLY,
                                   0, false));
  const sys::UniqueFd tmpfs = need(sys::make_filesystem({.type = "tmpfs", .options = {{"size", "64m"}}}));
  Arena arena{.dir = need(sys::open_dir(sys::DirRef(tmpfs.get()), ".")), .below = {}};
  need(sys::make_dir(arena.dir, "canary"));
  need(sys::write_file(arena.dir, "canary/file", "alive"));
  need(sys::make_dir(arena.dir, "below"));
  arena.below = need(sys::open_dir(arena.dir, "below"));
  agena::testing::TarBuilder builder;
  builder.dir("d", 0700)
      .file("d/f", "f")
      .symlink("l", "d")
      .symlink("up", "../canary")
      .file("f", "content")
      .dir("e");
  (void)unpack(builder.done(), arena.below, {});
  return arena;
}

void check_canary(const Arena& arena) {
  FUZZ_CHECK((need(sys::list_dir(arena.dir, "canary")) == std::vector<std::string>{"file"}));
  FUZZ_CHECK(need(sys::read_file(arena.dir, "canary/file")) == "alive");
  const struct stat st = need(sys::stat_at(arena.dir, "canary/file"));
  FUZZ_CHECK(st.st_uid == 0 && st.st_nlink == 1 && (st.st_mode & 07777U) == 0644);
}

void check_intact(const Arena& arena, const UnpackResult& result, int record) {
  const sys::DirFd layer = need(sys::open_dir(arena.dir, "layer"));
  const TreeReport report = need(verify_tree(layer, record, *result.record_digest));
  for (const TreeDifference& difference : report.differences)
    std::fprintf(stderr, "'%s' %s\n", difference.path.c_str(), difference.what.c_str());
  FUZZ_CHECK(report.intact());
}

void check_archive(const Arena& arena, const UnpackResult& result, const std::string& archive) {
  auto source = open_skeleton(need(sys::open_at(arena.dir, "archive", O_RDONLY)),
                              need(sys::open_dir(arena.dir, "layer")), result.diff_id, result.archive_size);
  FUZZ_CHECK(source.has_value() == result.skeleton_digest.has_value());
  if (source) FUZZ_CHECK(need(read_to_end(**source, archive.size())) == archive);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || ::geteuid() != 0) return 0;
  static const Arena arena = make_arena();
  std::string archive(agena::fuzz::text_of(data + 1, size - 1));
  if ((data[0] & 1U) != 0) agena::fuzz::fix_tar_checksums(archive);
  need(sys::make_dir(arena.dir, "layer"));
  const sys::UniqueFd record = need(sys::open_at(arena.dir, "record", O_RDWR | O_CREAT | O_TRUNC, 0644));
  UnpackOptions options;
  options.kind = (data[0] & 2U) != 0 ? ArchiveKind::kAci : ArchiveKind::kLayer;
  if ((data[0] & 4U) != 0) options.lookup_parent = lookup_in_layers({sys::DirRef(arena.below)});
  options.limits.max_bytes = 1U << 20U;
  options.pipelined = false;
  options.record_fd = record.get();
  const sys::UniqueFd skeleton = need(sys::open_at(arena.dir, "archive", O_RDWR | O_CREAT | O_TRUNC, 0644));
  options.skeleton_fd = skeleton.get();
  {
    const sys::DirFd layer = need(sys::open_dir(arena.dir, "layer"));
    StringSource source(archive);
    const auto result = unpack_layer(source, layer, options);
    FUZZ_CHECK(result || result.error().sys_errno() != EROFS);
    FUZZ_CHECK(result || result.error().kind() != ErrorKind::kInternal);
    if (result) check_intact(arena, *result, record.get());
    if (result && result->compression == Compression::kNone) check_archive(arena, *result, archive);
  }
  check_canary(arena);
  need(sys::remove_tree(arena.dir, "layer"));
  return 0;
}
