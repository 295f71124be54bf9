#include "stage0/export/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/export/target_path.h"
#include "stage0/export/unfinished.h"
#include "stage0/image/render/tar_headers.h"

namespace agena::stage0 {
namespace {

class DirectoryBundle : public Bundle {
 public:
  static Result<std::unique_ptr<Bundle>> make(const std::string& path, bool overwrite) {
    auto bundle = std::unique_ptr<DirectoryBundle>(new DirectoryBundle(path, overwrite));
    TRY_CTX(bundle->begin(), "target '{}'", printable(path));
    return bundle;
  }
  ~DirectoryBundle() override {
    if (temporary_.empty()) return;
    if (const auto removed = sys::remove_tree(parent_, temporary_); !removed)
      log::debug("export: {}", removed.error().to_string());
  }

  Result<Written> add(ByteSource& source, const NameOf& name_of) override {
    const sys::UniqueFd file =
        TRY(sys::open_at(dir_, kSpool, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
    Written written = TRY(write_stream(source, file.get()));
    const std::string name = name_of(written);
    if (const std::size_t slash = name.rfind('/'); slash != std::string::npos)
      TRY(sys::make_dirs(dir_, name.substr(0, slash)));
    TRY(sys::rename_at(dir_, kSpool, dir_, name));
    return written;
  }

  Result<> commit() override {
    TRY_CTX(give_name(), "target '{}'", printable(path_));
    return {};
  }

 private:
  static constexpr const char* kSpool = ".new";
  static constexpr int kAttempts = 100;

  DirectoryBundle(std::string path, bool overwrite) : path_(std::move(path)), overwrite_(overwrite) {}

  Result<> begin() {
    auto [dir, name] = TRY(split_target(path_));
    name_ = std::move(name);
    parent_ = TRY(sys::open_dir(sys::at_cwd(), dir));
    if (TRY(sys::exists(parent_, name_))) {
      if (!overwrite_) return target_exists(path_);
      TRY(check_replaceable(name_));
    }
    remove_unfinished(parent_, name_);
    // A cleaner may come between the making and the locking of it.
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const std::string temporary = unfinished_name(name_);
      if (::mkdirat(parent_.get(), temporary.c_str(), 0755) != 0) return sys_fail("creating it");
      auto made = sys::open_dir(parent_, temporary, O_NOFOLLOW);
      if (!made && made.error().kind() == ErrorKind::kNotFound) continue;
      dir_ = TRY(std::move(made));
      if (!lock_unfinished(parent_, temporary, dir_.get())) continue;
      temporary_ = temporary;
      return {};
    }
    return fail(ErrorKind::kBusy, "something keeps removing it");
  }

  Result<> check_replaceable(const std::string& name) {
    const auto old = sys::open_dir(parent_, name, O_NOFOLLOW);
    if (!old) return fail(ErrorKind::kInvalidInput, "it is not a directory");
    // Nobody's files are to be lost for a mistyped name.
    if (!TRY(sys::exists(*old, "oci-layout")) && !TRY(sys::list_dir(*old)).empty())
      return fail(ErrorKind::kInvalidInput, "it is a directory, but no OCI layout, and is not replaced");
    return {};
  }

  Result<> give_name() {
    TRY(sys::sync_file_system(dir_.get()));
    if (!overwrite_ || !TRY(sys::exists(parent_, name_))) return rename_free();
    if (exchange()) {
      // What was there has the temporary name now, and goes with it, unless it is another thing by now.
      if (auto replaceable = check_replaceable(temporary_); !replaceable) {
        if (!exchange()) temporary_.clear();
        return replaceable;
      }
      return sys::sync_dir(parent_);
    }
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return sys_fail("replacing it");
    return replace_in_steps();
  }

  bool exchange() {
    return ::renameat2(parent_.get(), temporary_.c_str(), parent_.get(), name_.c_str(), RENAME_EXCHANGE) == 0;
  }

  // Not all file systems can exchange two names: then there is none for a moment.
  Result<> replace_in_steps() {
    const std::string aside = aside_name(name_);
    TRY(sys::rename_at(parent_, name_, parent_, aside));
    auto replaced = check_replaceable(aside);
    if (replaced) replaced = rename_free();
    if (!replaced) {
      TRY_CTX(sys::rename_at(parent_, aside, parent_, name_), "what was there is '{}' now", printable(aside));
      return replaced;
    }
    return sys::remove_tree(parent_, aside);
  }

  // Gives it its name, which must be free.
  Result<> rename_free() {
    auto renamed = sys::rename_new(parent_, temporary_, parent_, name_);
    // Not all file systems can refuse to replace. A directory replaces an empty one at most.
    if (!renamed && renamed.error().sys_errno() == EINVAL)
      renamed = sys::rename_at(parent_, temporary_, parent_, name_);
    if (!renamed) {
      const int number = renamed.error().sys_errno();
      if (number == EEXIST || number == ENOTEMPTY || number == ENOTDIR) return target_exists(path_);
      return renamed;
    }
    temporary_.clear();
    return sys::sync_dir(parent_);
  }

  std::string path_;
  std::string name_;
  bool overwrite_;
  sys::DirFd parent_;
  sys::DirFd dir_;
  std::string temporary_;
};

class TarBundle : public Bundle {
 public:
  TarBundle(TargetFile file, sys::UniqueFd spool) : file_(std::move(file)), spool_(std::move(spool)) {}

  // A tar member's name and size stand in front of it, and are known only behind it: hence the spool.
  Result<Written> add(ByteSource& source, const NameOf& name_of) override {
    if (::ftruncate(spool_.get(), 0) != 0 || ::lseek(spool_.get(), 0, SEEK_SET) != 0)
      return sys_fail("emptying a file for work in progress");
    Written written = TRY(write_stream(source, spool_.get()));
    const std::string name = name_of(written);
    if (!names_.insert(name).second) return written;
    for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
      TRY(add_directory(name.substr(0, slash)));
    TarEntry entry;
    entry.path = name;
    entry.mode = 0644;
    entry.size = written.bytes;
    TRY(sys::write_all(file_.fd(), TRY(tar_header(entry))));
    FdSource content(spool_.get(), 0, written.bytes);
    (void)TRY(write_stream(content, file_.fd()));
    TRY(sys::write_all(file_.fd(), tar_padding(written.bytes)));
    return written;
  }

  Result<> commit() override {
    TRY(sys::write_all(file_.fd(), tar_end()));
    return file_.commit();
  }

 private:
  Result<> add_directory(const std::string& name) {
    if (!names_.insert(name).second) return {};
    TarEntry entry;
    entry.type = TarEntry::Type::kDirectory;
    entry.path = name;
    entry.mode = 0755;
    return sys::write_all(file_.fd(), TRY(tar_header(entry)));
  }

  TargetFile file_;
  sys::UniqueFd spool_;
  std::set<std::string> names_;
};

}  // namespace

Result<Written> Bundle::add_text(const std::string& name, const std::string& text) {
  StringSource source(text);
  return add(source, [&](const Written&) { return name; });
}

Result<std::unique_ptr<Bundle>> make_directory_bundle(const std::string& path, bool overwrite) {
  return DirectoryBundle::make(path, overwrite);
}

Result<std::unique_ptr<Bundle>> make_tar_bundle(const std::string& path, bool overwrite) {
  const auto [dir, name] = TRY(split_target(path));
  TargetFile file = TRY(TargetFile::create(path, overwrite));
  sys::UniqueFd spool = TRY(open_spool(TRY(sys::open_dir(sys::at_cwd(), dir))));
  return std::make_unique<TarBundle>(std::move(file), std::move(spool));
}

}  // namespace agena::stage0
