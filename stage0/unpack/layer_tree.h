// The directory that a layer is unpacked into: finding the place for a path without ever leaving the layer,
// directories, whiteouts and what is in the way. Internal to stage0/unpack.
//
// All paths are normalised and real: no ".." and no symlink in them. Every step down is an openat2(2) below
// an open directory without symlinks; symlinks are resolved by this code, inside the layer.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/unpack/dir_cache.h"
#include "stage0/unpack/layer_unpacker.h"
#include "stage0/unpack/node_attributes.h"
#include "stage0/unpack/record_format.h"

namespace agena::stage0 {

// A name in a directory of the layer. The descriptor is valid until the tree's next function call.
struct Place {
  int dir = -1;
  std::string parent;
  std::string name;
  std::string path() const;
};

class LayerTree {
 public:
  // What UnpackResult says of the tree, under the same names.
  struct Outcome {
    bool needs_chain_key = false;
    std::vector<std::string> implied_directories;
    bool root_opaque = false;
    bool root_entry = false;
    // An entry took the place of an earlier one, which may have had content.
    bool replaced_content = false;
  };

  // `record` may be null. All must outlive the tree.
  LayerTree(sys::DirRef root, const UnpackOptions& options, Warnings& warnings, RecordWriter* record);

  // Takes the empty root over: 0755 root:root, without default ACLs that an administrator has set on the
  // host.
  Result<> begin();
  // Gives directories their final times, removes whiteouts that have nothing to hide, completes the record.
  Result<> finish();

  // The place that an entry's path means. Missing parents are made; `when` becomes their time.
  Result<Place> place_of(std::string_view path, Timestamp when);
  // After EEXIST: removes what an entry of the same name (or a whiteout) has put there.
  Result<> clear(const Place& place);

  // Makes a directory or gives an existing one these attributes; "" is the root.
  Result<> add_directory(std::string_view path, Attributes attributes);
  // A whiteout of `name` in a directory of the layer; what this layer itself has there stays.
  Result<> add_whiteout(std::string_view parent, std::string_view name, Timestamp when);
  // Hides what lower layers have in a directory.
  Result<> add_opaque(std::string_view dir, Timestamp when);

  // Where the target of a hard link is: in this layer, or else in the layers below (fd is its O_PATH
  // descriptor).
  struct LinkTarget {
    std::string path;
    sys::UniqueFd dir;  // of the target in this layer
    struct stat st{};
    std::optional<sys::UniqueFd> lower;
  };
  Result<LinkTarget> find_link_target(std::string_view path);
  // Notes that a file that belongs to the layers below has been copied here for a link's sake.
  void note_copy(const std::string& path);

  Result<> add_record(const RecordLine& line);
  const Outcome& outcome() const { return outcome_; }
  bool records() const { return record_ != nullptr; }

 private:
  struct Directory {
    Attributes attributes;
    bool implied = false;  // by a path only; an entry may follow
    bool opaque = false;
    std::vector<std::string> whiteouts;
  };
  // What a name in the layer is.
  struct Node {
    sys::UniqueFd fd;  // O_PATH
    struct stat st{};
  };
  // A directory's path with symlinks resolved; `exists` is false if it is missing here and below.
  struct Resolved {
    std::string path;
    bool exists = true;
  };
  class Walk;

  Result<std::optional<Node>> probe(const std::string& path);
  Result<std::optional<Node>> look_up_below(const std::string& path);
  Result<Resolved> resolve(std::string_view path, bool create, Timestamp when);
  Result<> make_implied(const std::string& path, const Node* below, bool deleted, Timestamp when);
  Result<> make_directory(const Place& place, Directory directory);
  Result<> update_directory(const std::string& path, Attributes attributes);
  Result<> make_opaque(const std::string& path);
  Result<> remove(const Place& place, bool directory);
  Result<> remember(const std::string& path, Directory directory);
  Result<> record_gone(const std::string& path);
  bool is_whiteout(const struct stat& st) const;
  bool is_hidden(std::string_view path) const;
  Result<bool> is_merged(const std::string& dir);
  Result<> drop_hidden_copies();
  Result<> drop_idle_whiteouts();
  Result<> finish_directories();

  sys::DirRef root_;
  const UnpackOptions& options_;
  Warnings& warnings_;
  RecordWriter* record_;
  Outcome outcome_;
  DirCache cache_;
  std::map<std::string, Directory, std::less<>> directories_;
  std::size_t directory_bytes_ = 0;
  std::set<std::string, std::less<>> copies_;  // files copied up for hard links
};

}  // namespace agena::stage0
