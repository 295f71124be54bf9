#include "stage0/image/render/merged_archive.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

// What is decided about a path: by the first input that has it.
class Selection {
 public:
  explicit Selection(bool live) : live_(live) {}

  Result<> add(std::size_t number, const MergeInput& input) {
    rules_ = &input.rules;
    number_ = number;
    inodes_.clear();
    return walk(input.tree, "");
  }
  std::vector<ArchiveMember> take() { return std::move(members_); }

 private:
  Result<> walk(const sys::DirFd& dir, const std::string& path) {
    for (const std::string& name : TRY(sys::list_dir(dir)))
      TRY(visit(dir, name, path.empty() ? name : path + "/" + name));
    return {};
  }

  Result<> visit(const sys::DirFd& dir, const std::string& name, const std::string& path) {
    auto visited = visit_present(dir, name, path);
    if (!visited && live_ && number_ == 0 && is_gone(visited.error())) return {};
    return visited;
  }

  Result<> visit_present(const sys::DirFd& dir, const std::string& name, const std::string& path) {
    const struct stat st = TRY(sys::stat_at(dir, name));
    const bool is_dir = S_ISDIR(st.st_mode);
    if (!rules_->allow(path, is_dir)) return {};
    const auto [place, fresh] = open_.emplace(path, is_dir);
    if (fresh && !is_whiteout(st))
      members_.push_back({.tree = number_, .path = path, .link = link_of(path, st)});
    // Closed where an upper input has something else than a directory, or an opaque one.
    if (!is_dir || !place->second) return {};
    const sys::DirFd child = TRY(sys::open_dir(dir, name, O_NOFOLLOW));
    TRY(walk(child, path));
    if (TRY(is_opaque(child))) place->second = false;
    return {};
  }

  std::string link_of(const std::string& path, const struct stat& st) {
    if (S_ISDIR(st.st_mode) || st.st_nlink < 2) return {};
    const auto [place, fresh] = inodes_.emplace(st.st_ino, path);
    return fresh ? std::string() : place->second;
  }

  bool live_;
  const PathRules* rules_ = nullptr;
  std::size_t number_ = 0;
  std::vector<ArchiveMember> members_;
  std::map<std::string, bool> open_;     // every path taken so far, and whether lower inputs may add to it
  std::map<ino_t, std::string> inodes_;  // files with several names, in the current tree
};

}  // namespace

Result<std::vector<ArchiveMember>> merged_members(const std::vector<MergeInput>& inputs, std::size_t root,
                                                  bool live) {
  Selection selection(live);
  for (std::size_t i = 0; i < inputs.size(); ++i) TRY(selection.add(i, inputs[i]));
  std::vector<ArchiveMember> members = selection.take();
  members.insert(members.begin(), ArchiveMember{.tree = root});
  return members;
}

Result<std::unique_ptr<ByteSource>> open_merged_archive(std::vector<MergeInput> inputs, ArchiveForm form,
                                                        std::size_t root) {
  std::vector<ArchiveMember> members = TRY(merged_members(inputs, root, form.live));
  std::vector<sys::DirFd> trees;
  for (MergeInput& input : inputs) trees.push_back(std::move(input.tree));
  return open_tree_archive(std::move(trees), std::move(members), std::move(form));
}

Result<std::unique_ptr<ByteSource>> open_rendered_aci(std::vector<MergeInput> inputs,
                                                      const std::string& manifest, ArchiveForm form,
                                                      std::size_t root) {
  form.prefix = "rootfs";
  form.start = TRY(plain_member("manifest", manifest));
  return open_merged_archive(std::move(inputs), std::move(form), root);
}

}  // namespace agena::stage0
