#include "stage0/export/layer_archive.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

class LayerWalk {
 public:
  LayerWalk(const ParentLookup& below, const ArchiveForm& form) : below_(below), form_(form) {}

  Result<std::vector<ArchiveMember>> run(const sys::DirFd& tree) {
    members_.push_back({});
    TRY(walk(tree, ""));
    return std::move(members_);
  }

 private:
  using Kind = ArchiveMember::Kind;

  Result<> walk(const sys::DirFd& dir, const std::string& path) {
    if (TRY(is_opaque(dir)) && TRY(hides_directory(path)))
      members_.push_back({.path = path, .kind = Kind::kOpaque});
    for (const std::string& name : TRY(sys::list_dir(dir))) {
      auto visited = visit(dir, name, path.empty() ? name : path + "/" + name);
      if (!visited && form_.live && is_gone(visited.error())) continue;
      TRY(std::move(visited));
    }
    return {};
  }

  Result<> visit(const sys::DirFd& dir, const std::string& name, const std::string& path) {
    if (is_reserved_name(name, path, form_)) return {};
    const struct stat st = TRY(sys::stat_at(dir, name));
    if (is_whiteout(st)) {
      if (!below_ || TRY(below_(path))) members_.push_back({.path = path, .kind = Kind::kWhiteout});
      return {};
    }
    members_.push_back({.path = path, .link = link_of(path, st)});
    if (!S_ISDIR(st.st_mode)) return {};
    return walk(TRY(sys::open_dir(dir, name, O_NOFOLLOW)), path);
  }

  Result<bool> hides_directory(const std::string& path) {
    if (!below_ || path.empty()) return true;
    const auto node = TRY(below_(path));
    struct stat st{};
    if (node && ::fstat(node->get(), &st) != 0) return sys_fail("reading attributes of a lower layer");
    return node && S_ISDIR(st.st_mode);
  }

  std::string link_of(const std::string& path, const struct stat& st) {
    if (S_ISDIR(st.st_mode) || st.st_nlink < 2) return {};
    const auto [place, fresh] = inodes_.emplace(st.st_ino, path);
    return fresh ? std::string() : place->second;
  }

  const ParentLookup& below_;
  const ArchiveForm& form_;
  std::vector<ArchiveMember> members_;
  std::map<ino_t, std::string> inodes_;
};

}  // namespace

bool is_reserved_name(const std::string& name, const std::string& path, const ArchiveForm& form) {
  if (!name.starts_with(".wh.")) return false;
  if (form.note)
    form.note(fmt::format("'{}' is left out: in image layers such a name stands for a deleted file",
                          printable(path)));
  return true;
}

Result<std::unique_ptr<ByteSource>> open_layer_anew(sys::DirFd tree, const ParentLookup& below,
                                                    ArchiveForm form) {
  std::vector<ArchiveMember> members = TRY(LayerWalk(below, form).run(tree));
  form.layer = true;
  std::vector<sys::DirFd> trees;
  trees.push_back(std::move(tree));
  return open_tree_archive(std::move(trees), std::move(members), std::move(form));
}

}  // namespace agena::stage0
