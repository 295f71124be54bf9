// Turns the entries of an archive into files of a layer. Internal to stage0/unpack.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "stage0/unpack/layer_tree.h"
#include "stage0/unpack/tar_input.h"
#include "stage0/unpack/tar_parser.h"

namespace agena::stage0 {

class LayerWriter {
 public:
  // All must outlive the writer.
  // `skeleton` may be null.
  LayerWriter(LayerTree& tree, TarInput& input, TarParser& parser, const UnpackOptions& options,
              Warnings& warnings, SkeletonWriter* skeleton)
      : tree_(tree),
        input_(input),
        parser_(parser),
        options_(options),
        warnings_(warnings),
        skeleton_(skeleton) {}

  // Writes the parser's current entry, whose content is still to be read; `path` is where in the layer it
  // goes, and link_target is that of a hard link (both normalised).
  Result<> add(TarEntry& entry, std::string_view path, std::string_view link_target);
  std::uint64_t entries() const { return entries_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  Result<bool> add_marker(const TarEntry& entry, std::string_view path);
  Result<> add_file(const TarEntry& entry, std::string_view path, Attributes& attributes);
  Result<> add_symlink(const TarEntry& entry, std::string_view path, Attributes& attributes);
  Result<> add_node(const TarEntry& entry, std::string_view path, Attributes& attributes);
  Result<> add_hard_link(std::string_view path, std::string_view target, const Attributes& attributes);
  Result<> copy_from_below(LayerTree::LinkTarget& target, Timestamp when);
  Result<> copy_content(int from, int to, std::uint64_t size);
  Result<> count_bytes(std::uint64_t size);
  Result<> write_content(const TarEntry& entry, const Place& place, int fd);
  Result<> refer_to(const TarEntry& entry, const Place& place);
  void note_unwritten(const TarEntry& entry);

  LayerTree& tree_;
  TarInput& input_;
  TarParser& parser_;
  const UnpackOptions& options_;
  Warnings& warnings_;
  SkeletonWriter* skeleton_;
  std::uint64_t unwritten_bytes_ = 0;  // content of members that are not files of the layer
  std::uint64_t entries_ = 0;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace agena::stage0
