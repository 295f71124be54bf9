// Command line of stage0/unpack for the tests that are scripts.
//
//   unpack_tool layers OUT ITEM...   unpacks layers, lowest first, into OUT/0, OUT/1, …, each over those
//   before unpack_tool aci OUT FILE         unpacks an ACI into OUT/0 and writes its manifest to OUT/manifest
//
// ITEM is FILE:COMPRESSION:BLOB_DIGEST_HEX:BLOB_SIZE:DIFF_ID_HEX. On success prints the layers as lower
// directories of an overlay, topmost first; every tree has been compared with its record. Exit code 2 is an
// error of the unpacker, with its message on stderr; 1 anything else.
#include <fcntl.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fd.h"
#include "common/sys/fs.h"
#include "stage0/unpack/layer_unpacker.h"
#include "stage0/unpack/parent_layers.h"
#include "stage0/unpack/tree_record.h"

namespace agena::stage0 {
namespace {

struct Layer {
  std::string path;
  sys::DirFd dir;
  bool root_opaque = false;
};

Result<Compression> parse_compression(std::string_view name) {
  for (const Compression c :
       {Compression::kNone, Compression::kGzip, Compression::kBzip2, Compression::kXz, Compression::kZstd})
    if (name == to_string(c)) return c;
  return fail(ErrorKind::kInvalidInput, "unknown compression '{}'", name);
}

Result<> check_record(const Layer& layer, int record, const UnpackResult& result) {
  if (!result.record_digest) return fail(ErrorKind::kInternal, "no record");
  const TreeReport report = TRY(verify_tree(layer.dir, record, *result.record_digest));
  for (const TreeDifference& difference : report.differences)
    std::fprintf(stderr, "record: '%s' %s\n", difference.path.c_str(), difference.what.c_str());
  if (!report.intact()) return fail(ErrorKind::kInternal, "the tree differs from its record");
  return {};
}

Result<UnpackResult> unpack(Layer& layer, const std::string& file, UnpackOptions options) {
  TRY(sys::make_dir(sys::at_cwd(), layer.path));
  layer.dir = TRY(sys::open_dir(layer.path));
  const sys::UniqueFd record =
      TRY(sys::open_at(sys::at_cwd(), layer.path + ".record", O_RDWR | O_CREAT | O_EXCL, 0644));
  const sys::UniqueFd blob = TRY(sys::open_at(sys::at_cwd(), file, O_RDONLY));
  FdSource source(blob.get());
  options.record_fd = record.get();
  auto result = unpack_layer(source, layer.dir, options);
  if (!result) return result;
  layer.root_opaque = result->root_opaque;
  for (const std::string& warning : result->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  TRY(check_record(layer, record.get(), *result));
  return result;
}

Result<> unpack_layers(const std::string& out, const std::vector<std::string>& items) {
  std::vector<Layer> layers;
  for (const std::string& item : items) {
    const std::vector<std::string> parts = split(item, ':');
    UnpackOptions options;
    options.compression = TRY(parse_compression(parts.at(1)));
    options.blob_digest = TRY(Digest::parse("sha256:" + parts.at(2)));
    options.blob_size = TRY(parse_uint(parts.at(3)));
    options.diff_id = TRY(Digest::parse("sha256:" + parts.at(4)));
    std::vector<sys::DirRef> below;
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) below.emplace_back(layer->dir);
    if (!below.empty()) options.lookup_parent = lookup_in_layers(below);
    Layer layer{.path = fmt::format("{}/{}", out, layers.size()), .dir = {}};
    (void)TRY(unpack(layer, parts.at(0), options));
    layers.push_back(std::move(layer));
  }
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    std::printf("%s\n", layer->path.c_str());
    if (layer->root_opaque) break;
  }
  return {};
}

Result<> unpack_aci(const std::string& out, const std::string& file) {
  UnpackOptions options;
  options.kind = ArchiveKind::kAci;
  Layer layer{.path = out + "/0", .dir = {}};
  const UnpackResult result = TRY(unpack(layer, file, options));
  TRY(sys::write_file(sys::at_cwd(), out + "/manifest", result.aci_manifest));
  std::printf("%s\n", layer.path.c_str());
  return {};
}

}  // namespace
}  // namespace agena::stage0

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3 || (words[0] != "layers" && words[0] != "aci")) {
    std::fprintf(stderr, "usage: unpack_tool layers|aci OUT ITEM...\n");
    return 1;
  }
  const auto done = words[0] == "aci"
                        ? agena::stage0::unpack_aci(words[1], words[2])
                        : agena::stage0::unpack_layers(words[1], {words.begin() + 2, words.end()});
  if (done) return 0;
  std::fprintf(stderr, "error: %s\n", done.error().to_string().c_str());
  return done.error().kind() == agena::ErrorKind::kInternal ? 1 : 2;
}
