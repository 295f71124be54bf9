#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/fd.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/layer_path.h"
#include "stage0/unpack/node_attributes.h"
#include "stage0/unpack/record_format.h"
#include "stage0/unpack/tree_record.h"

namespace agena::stage0 {
namespace {

using sys::UniqueFd;

constexpr std::size_t kMaxDifferences = 100;

// One thing that must be on disk. Names that are hard links of each other share it.
struct Expected {
  RecordLine line;
  ino_t inode = 0;  // of the name that was met first
  bool met = false;
};

// The tree as the record describes it, by path.
struct ExpectedTree {
  HashAlgorithm algorithm = HashAlgorithm::kSha256;
  std::map<std::string, std::shared_ptr<Expected>, std::less<>> nodes;

  // Follows the log: a later line about a path replaces an earlier one.
  Result<> apply(RecordLine line) {
    const std::string path = line.path;
    if (line.kind == RecordKind::kGone) {
      nodes.erase(path);
      const std::string below = path + "/";
      for (auto it = nodes.lower_bound(below); it != nodes.end() && it->first.starts_with(below);)
        it = nodes.erase(it);
      return {};
    }
    if (line.kind != RecordKind::kHardLink) {
      nodes[path] = std::make_shared<Expected>(Expected{.line = std::move(line)});
      return {};
    }
    const auto target = nodes.find(line.target);
    if (target == nodes.end()) return fail(ErrorKind::kVerification, "the tree record links to nothing");
    nodes[path] = target->second;
    return {};
  }
};

Result<ExpectedTree> read_record(int fd, const Digest& digest) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return sys_fail("reading the tree record");
  FdSource file(fd, 0, static_cast<std::uint64_t>(st.st_size));
  HashingSource source(file, algorithm_of(digest));
  ExpectedTree tree;
  std::vector<char> buffer(64U << 10U);
  std::string text;
  bool header = true;
  while (true) {
    const std::size_t n = TRY(source.read(buffer));
    if (n == 0) break;
    text.append(buffer.data(), n);
    std::size_t at = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', at)) {
      const std::string_view line = std::string_view(text).substr(at, end - at);
      at = end + 1;
      if (std::exchange(header, false)) {
        tree.algorithm = TRY(parse_record_header(line));
      } else {
        TRY(tree.apply(TRY(parse_record_line(line))));
      }
    }
    text.erase(0, at);
  }
  if (source.finish() != digest)
    return fail(ErrorKind::kVerification, "the tree record itself has been changed");
  if (header || !text.empty()) return fail(ErrorKind::kVerification, "the tree record is cut short");
  return tree;
}

mode_t file_type(RecordKind kind) {
  switch (kind) {
    case RecordKind::kDirectory:
      return S_IFDIR;
    case RecordKind::kSymlink:
      return S_IFLNK;
    case RecordKind::kCharDevice:
    case RecordKind::kWhiteout:
      return S_IFCHR;
    case RecordKind::kBlockDevice:
      return S_IFBLK;
    case RecordKind::kFifo:
      return S_IFIFO;
    case RecordKind::kFile:
    case RecordKind::kHardLink:
    case RecordKind::kGone:
      break;
  }
  return S_IFREG;
}

// Runs the archive's hash over a file, filled up by zeros to whole tar blocks, from one state; the state
// after it.
Result<HashState> chain_of(int fd, HashAlgorithm algorithm, const HashState& before) {
  constexpr std::size_t kTarBlockBytes = 512;
  Hasher hasher = Hasher::resume(algorithm, before);
  std::vector<char> buffer(256U << 10U);
  std::uint64_t size = 0;
  FdSource file(fd);
  while (true) {
    const std::size_t n = TRY(file.read(buffer));
    if (n == 0) break;
    hasher.update(std::span<const char>(buffer).first(n));
    size += n;
  }
  constexpr std::array<char, kTarBlockBytes> kZeros{};
  hasher.update(std::span(kZeros).first((kTarBlockBytes - (size % kTarBlockBytes)) % kTarBlockBytes));
  return hasher.state();
}

class Verifier {
 public:
  Verifier(sys::DirRef root, ExpectedTree tree) : root_(root), tree_(std::move(tree)) {}

  Result<TreeReport> run() {
    TRY(check_directory(""));
    for (const auto& [path, expected] : tree_.nodes)
      if (!seen_.contains(path)) differ(path, "is missing");
    return std::move(report_);
  }

 private:
  void differ(const std::string& path, std::string what) {
    if (report_.differences.size() < kMaxDifferences)
      report_.differences.push_back({.path = printable(path), .what = std::move(what)});
  }

  // The directory itself and everything in it. Its descriptor is closed before the next level is gone into:
  // paths may be deeper than descriptors are many.
  Result<> check_directory(const std::string& path) {
    std::vector<std::string> directories;
    {
      const sys::DirFd dir = path.empty() ? TRY(sys::open_dir(root_, ".")) : TRY(open_below(path));
      TRY(check(dir.get(), ".", path));
      for (const std::string& name : TRY(sys::list_dir(dir))) {
        const std::string child = join_path(path, name);
        const struct stat st = TRY(sys::stat_at(dir, name));
        if (S_ISDIR(st.st_mode)) {
          directories.push_back(child);
        } else {
          TRY(check(dir.get(), name, child));
        }
      }
    }
    for (const std::string& child : directories) TRY(check_directory(child));
    return {};
  }

  Result<sys::DirFd> open_below(const std::string& path) {
    UniqueFd fd = TRY(sys::open_beneath_no_symlinks(root_, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return sys::DirFd(fd.release());
  }

  // Compares the node `name` in an open directory with what the record says of `path`.
  Result<> check(int dir, const std::string& name, const std::string& path) {
    const std::string key = path.empty() ? "." : path;
    const auto found = tree_.nodes.find(key);
    ++report_.entries;
    if (found == tree_.nodes.end()) {
      differ(key, "is not part of the layer");
      return {};
    }
    seen_.emplace(key);
    Expected& expected = *found->second;
    const struct stat st = TRY(sys::stat_at(sys::DirRef(dir), name));
    if (!std::exchange(expected.met, true)) {
      expected.inode = st.st_ino;
    } else {
      if (expected.inode != st.st_ino) differ(key, "is not the same file as its other names");
      if (expected.inode == st.st_ino) return {};
    }
    if ((st.st_mode & S_IFMT) != file_type(expected.line.kind)) {
      differ(key, "is of another type");
      return {};
    }
    check_numbers(expected.line, st, key);
    if (expected.line.kind == RecordKind::kWhiteout) return {};
    TRY(check_xattrs(dir, name, expected.line, key));
    if (S_ISLNK(st.st_mode) && TRY(sys::read_link(sys::DirRef(dir), name)) != expected.line.target)
      differ(key, "leads elsewhere");
    return S_ISREG(st.st_mode) ? check_content(dir, name, expected.line, st, key) : Result<>();
  }

  void check_numbers(const RecordLine& line, const struct stat& st, const std::string& key) {
    const bool device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
    if (device && st.st_rdev != ::makedev(line.dev_major, line.dev_minor)) differ(key, "is another device");
    if (line.kind == RecordKind::kWhiteout) return;
    if (!S_ISLNK(st.st_mode) && (st.st_mode & 07777U) != line.mode)
      differ(key, fmt::format("has mode {:04o}, not {:04o}", st.st_mode & 07777U, line.mode));
    if (st.st_uid != line.uid || st.st_gid != line.gid)
      differ(key, fmt::format("belongs to {}:{}, not {}:{}", st.st_uid, st.st_gid, line.uid, line.gid));
    if (st.st_mtim.tv_sec != line.mtime_sec) differ(key, "has another modification time");
  }

  Result<> check_xattrs(int dir, const std::string& name, const RecordLine& line, const std::string& key) {
    const UniqueFd node = TRY(sys::open_at(sys::DirRef(dir), name, O_PATH | O_NOFOLLOW));
    Attributes attributes = TRY_CTX(attributes_of_fd(node.get()), "'{}'", printable(key));
    auto wanted = line.xattrs;
    std::ranges::sort(wanted, {}, &TarEntry::Xattr::name);
    const bool same = std::ranges::equal(wanted, attributes.xattrs, [](const auto& a, const auto& b) {
      return a.name == b.name && a.value == b.value;
    });
    if (!same) differ(key, "has other extended attributes");
    if (line.kind != RecordKind::kDirectory) return {};
    char value = 0;
    const bool opaque =
        ::getxattr(sys::proc_fd_path(node.get()).c_str(), "trusted.overlay.opaque", &value, 1) == 1 &&
        value == 'y';
    if (opaque != (line.content == "opaque")) differ(key, opaque ? "is opaque" : "is not opaque");
    return {};
  }

  Result<> check_content(int dir, const std::string& name, const RecordLine& line, const struct stat& st,
                         const std::string& key) {
    if (static_cast<std::uint64_t>(st.st_size) != line.size) {
      differ(key, fmt::format("has {} bytes, not {}", st.st_size, line.size));
      return {};
    }
    report_.file_bytes += line.size;
    if (line.content.empty()) return {};
    const UniqueFd file = TRY(sys::open_at(sys::DirRef(dir), name, O_RDONLY | O_NOFOLLOW));
    bool same = false;
    if (line.content.starts_with("blocks=")) {
      same = TRY_CTX(hash_blocks(file.get()), "'{}'", printable(key)) == line.content;
    } else {
      const Chain chain = TRY(parse_chain_content(line.content));
      same =
          TRY_CTX(chain_of(file.get(), tree_.algorithm, chain.before), "'{}'", printable(key)) == chain.after;
    }
    if (!same) differ(key, "has other content");
    return {};
  }

  sys::DirRef root_;
  ExpectedTree tree_;
  std::set<std::string, std::less<>> seen_;
  TreeReport report_;
};

}  // namespace

Result<TreeReport> verify_tree(sys::DirRef tree, int record_fd, const Digest& record_digest) {
  ExpectedTree expected = TRY(read_record(record_fd, record_digest));
  return Verifier(tree, std::move(expected)).run();
}

}  // namespace agena::stage0
