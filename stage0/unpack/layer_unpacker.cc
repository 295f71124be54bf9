#include "stage0/unpack/layer_unpacker.h"

#include <memory>
#include <string_view>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/unpack/archive_skeleton.h"
#include "stage0/unpack/chunk_source.h"
#include "stage0/unpack/hash.h"
#include "stage0/unpack/layer_path.h"
#include "stage0/unpack/layer_tree.h"
#include "stage0/unpack/layer_writer.h"
#include "stage0/unpack/node_attributes.h"
#include "stage0/unpack/record_format.h"
#include "stage0/unpack/tar_input.h"
#include "stage0/unpack/tar_parser.h"

namespace agena::stage0 {
namespace {

constexpr std::uint64_t kMaxAciManifest = 4U << 20U;
// A thread costs more than it saves on blobs below this.
constexpr std::uint64_t kMinPipelined = 512U << 10U;

// What other images lack or have at the top; the user may have forgotten to say which kind it is.
std::unexpected<Error> not_an_aci(std::string_view why) {
  return std::unexpected(Error(ErrorKind::kInvalidInput, std::string(why))
                             .with_hint("images of other formats are named docker-archive:PATH or oci:PATH"));
}

// Where an entry of the archive goes.
struct Destination {
  bool in_layer = true;
  std::string path;
  std::string link_target;  // of hard links
};

// Maps an archive's names to the layer's, and takes an ACI apart (aci.md, "Image Layout").
class ArchiveLayout {
 public:
  ArchiveLayout(ArchiveKind kind, TarParser& parser) : aci_(kind == ArchiveKind::kAci), parser_(parser) {}

  Result<Destination> place(const TarEntry& entry) {
    Destination to;
    to.path = TRY(normalise_path(entry.path));
    const bool hard_link = entry.type == TarEntry::Type::kHardLink;
    if (hard_link) to.link_target = TRY_CTX(normalise_path(entry.link_target), "its link target");
    if (!aci_) return to;
    const bool directory = entry.type == TarEntry::Type::kDirectory;
    to.in_layer = is_at_or_below(to.path, kRootfs);
    if (to.path.empty() && directory) return to;
    if (to.path == "manifest") {
      TRY(read_manifest(entry));
      return to;
    }
    if (!to.in_layer) return not_an_aci("an ACI may hold only 'manifest' and 'rootfs'");
    if (to.path == kRootfs && !directory)
      return fail(ErrorKind::kInvalidInput, "'rootfs' is not a directory");
    has_rootfs_ = true;
    strip_rootfs(to.path);
    if (hard_link && !is_at_or_below(to.link_target, kRootfs))
      return fail(ErrorKind::kInvalidInput, "its target '{}' is not in 'rootfs'", printable(to.link_target));
    strip_rootfs(to.link_target);
    return to;
  }

  // After the last entry: the manifest, if the archive is complete.
  Result<std::string> finish() {
    if (!aci_) return std::string();
    if (!has_manifest_) return not_an_aci("not an ACI: it has no 'manifest'");
    if (!has_rootfs_) return not_an_aci("not an ACI: it has no 'rootfs'");
    return std::move(manifest_);
  }

 private:
  static constexpr std::string_view kRootfs = "rootfs";

  static void strip_rootfs(std::string& path) { path.erase(0, kRootfs.size() + 1); }

  Result<> read_manifest(const TarEntry& entry) {
    if (has_manifest_) return fail(ErrorKind::kInvalidInput, "the ACI has two manifests");
    if (entry.type != TarEntry::Type::kFile || entry.sparse)
      return fail(ErrorKind::kInvalidInput, "the manifest is not a plain file");
    if (entry.size > kMaxAciManifest)
      return fail(ErrorKind::kInvalidInput, "the manifest has {} bytes; the limit is {}", entry.size,
                  kMaxAciManifest);
    has_manifest_ = true;
    while (true) {
      const std::span<const char> piece = TRY(parser_.data());
      if (piece.empty()) return {};
      manifest_.append(piece.data(), piece.size());
    }
  }

  bool aci_;
  TarParser& parser_;
  bool has_manifest_ = false;
  bool has_rootfs_ = false;
  std::string manifest_;
};

// A blob as the archive in it, with all that is measured on the way.
class Pipeline {
 public:
  static Result<std::unique_ptr<Pipeline>> open(ByteSource& blob, const UnpackOptions& options) {
    auto pipeline = std::unique_ptr<Pipeline>(new Pipeline(blob, options));
    pipeline->content_ = TRY(open_decompressor(pipeline->hashed_, options.compression, options.limits));
    // The blob is the archive: one digest is both.
    pipeline->hashed_once_ = pipeline->content_.compression == Compression::kNone &&
                             blob_algorithm(options) == pipeline->algorithm_;
    if (pipeline->hashed_once_) pipeline->hashed_.count_only();
    const bool pipelined = options.pipelined && options.blob_size.value_or(UINT64_MAX) >= kMinPipelined;
    pipeline->chunks_ = pipelined ? make_pipelined_chunks(*pipeline->content_.content)
                                  : make_direct_chunks(*pipeline->content_.content);
    pipeline->input_.emplace(*pipeline->chunks_, pipeline->algorithm_);
    pipeline->parser_.emplace(*pipeline->input_);
    return pipeline;
  }

  HashAlgorithm algorithm() const { return algorithm_; }
  TarInput& input() { return *input_; }
  TarParser& parser() { return *parser_; }

  // After the parser has reached the archive's end, which is also the blob's.
  Result<UnpackResult> finish(const UnpackOptions& options) {
    const std::uint64_t archive_size = input_->offset();
    const Digest diff_id = input_->finish_hash();
    UnpackResult result{.blob_digest = hashed_once_ ? diff_id : hashed_.finish(),
                        .blob_size = hashed_.bytes(),
                        .diff_id = diff_id,
                        .archive_size = archive_size,
                        .compression = content_.compression,
                        .record_digest = {},
                        .skeleton_digest = {},
                        .implied_directories = {},
                        .aci_manifest = {},
                        .warnings = {}};
    if (options.blob_digest && *options.blob_digest != result.blob_digest)
      return fail(ErrorKind::kVerification, "the blob's digest is {}, not {}", result.blob_digest.str(),
                  options.blob_digest->str());
    if (options.diff_id && *options.diff_id != result.diff_id)
      return fail(ErrorKind::kVerification, "the digest of the decompressed content is {}, not {}",
                  result.diff_id.str(), options.diff_id->str());
    return result;
  }

 private:
  Pipeline(ByteSource& blob, const UnpackOptions& options)
      : algorithm_(options.kind == ArchiveKind::kAci ? HashAlgorithm::kSha512 : HashAlgorithm::kSha256),
        hashed_(blob, blob_algorithm(options), options.blob_size) {}

  static HashAlgorithm blob_algorithm(const UnpackOptions& options) {
    return options.blob_digest ? algorithm_of(*options.blob_digest) : HashAlgorithm::kSha256;
  }

  // In the order of use: each reads the one before, and the thread of the chunks must end first.
  HashAlgorithm algorithm_;
  HashingSource hashed_;
  bool hashed_once_ = false;
  DecompressedSource content_{.content = nullptr, .compression = Compression::kNone};
  std::unique_ptr<ChunkSource> chunks_;
  std::optional<TarInput> input_;
  std::optional<TarParser> parser_;
};

// Calls add(entry, destination) for each entry of the archive that belongs to the layer; returns the ACI's
// manifest.
template <class Add>
Result<std::string> for_each_entry(Pipeline& pipeline, ArchiveKind kind, Add add) {
  ArchiveLayout layout(kind, pipeline.parser());
  TarEntry entry;
  while (TRY(pipeline.parser().next(entry))) {
    const Destination to = TRY_CTX(layout.place(entry), "entry '{}'", printable(entry.path));
    if (to.in_layer) TRY(add(entry, to));
  }
  return layout.finish();
}

Result<> check_empty(sys::DirRef target) {
  const std::vector<std::string> names = TRY_CTX(sys::list_dir(target), "the layer's directory");
  if (!names.empty()) return fail(ErrorKind::kInternal, "the layer's directory is not empty");
  return {};
}

// Ends the skeleton of an archive that is read to its end and unpacked.
Result<std::optional<Digest>> finish_skeleton(SkeletonWriter& skeleton, TarInput& input,
                                              const LayerTree::Outcome& outcome) {
  TRY(input.flush_skeleton());
  if (outcome.replaced_content) skeleton.give_up("it holds two entries of one name");
  return skeleton.finish(input.offset());
}

}  // namespace

Result<UnpackResult> unpack_layer(ByteSource& blob, sys::DirRef target, const UnpackOptions& options) {
  TRY(check_empty(target));
  const std::unique_ptr<Pipeline> pipeline = TRY(Pipeline::open(blob, options));
  Warnings warnings;
  std::optional<RecordWriter> record;
  if (options.record_fd >= 0) record.emplace(options.record_fd, pipeline->algorithm());
  LayerTree tree(target, options, warnings, record ? &*record : nullptr);
  std::optional<SkeletonWriter> skeleton;
  if (options.skeleton_fd >= 0) skeleton.emplace(options.skeleton_fd);
  pipeline->input().set_skeleton(skeleton ? &*skeleton : nullptr);
  LayerWriter writer(tree, pipeline->input(), pipeline->parser(), options, warnings,
                     skeleton ? &*skeleton : nullptr);
  TRY(tree.begin());
  std::string manifest =
      TRY(for_each_entry(*pipeline, options.kind, [&](TarEntry& entry, const Destination& to) {
        return writer.add(entry, to.path, to.link_target);
      }));
  // Digests first: a blob that is not what it should be is not worth waiting for the layers below.
  UnpackResult result = TRY(pipeline->finish(options));
  TRY(tree.finish());
  if (skeleton) result.skeleton_digest = TRY(finish_skeleton(*skeleton, pipeline->input(), tree.outcome()));
  if (record) result.record_digest = TRY(record->finish());
  result.entries = writer.entries();
  result.file_bytes = writer.file_bytes();
  result.needs_chain_key = tree.outcome().needs_chain_key;
  result.implied_directories = tree.outcome().implied_directories;
  result.root_opaque = tree.outcome().root_opaque;
  result.root_entry = tree.outcome().root_entry;
  result.aci_manifest = std::move(manifest);
  for (const std::string& warning : pipeline->parser().warnings()) warnings.add(warning);
  result.warnings = warnings.take();
  return result;
}

}  // namespace agena::stage0
