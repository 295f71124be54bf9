#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/path_in_root.h"
#include "stage0/unpack/archive_skeleton.h"
#include "stage0/unpack/decompressor.h"
#include "stage0/unpack/skeleton_format.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxPathBytes = 64U << 10U;
constexpr std::size_t kHeaderBytes = 512;

std::unexpected<Error> damaged(std::string_view why) {
  return fail(ErrorKind::kVerification, "the archive's skeleton is damaged: {}", why);
}

// The archive's bytes, item by item.
class SkeletonSource : public ByteSource {
 public:
  SkeletonSource(sys::UniqueFd skeleton, std::uint64_t size, sys::DirFd tree, const Digest& digest,
                 std::uint64_t archive_bytes)
      : skeleton_(std::move(skeleton)),
        stored_(skeleton_.get(), kSkeletonHeader.size(), size - kSkeletonHeader.size()),
        items_(
            make_zstd_source(CompressedInput(stored_),
                             // The archive's own length limits it; headers may compress very well.
                             {.max_bytes = UINT64_MAX, .max_ratio = UINT64_MAX, .ratio_from = UINT64_MAX})),
        tree_(std::move(tree)),
        digest_(digest),
        hasher_(algorithm_of(digest)),
        archive_bytes_(archive_bytes) {}

  Result<std::size_t> read(std::span<char> buffer) override {
    while (left_ == 0) {
      if (ended_) return 0;
      TRY(next_item());
    }
    buffer = buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_)));
    const std::size_t n = file_ ? TRY(read_file(buffer)) : TRY(read_items(buffer));
    if (n == 0) return damaged("it ends inside an item");
    hasher_.update(buffer.first(n));
    left_ -= n;
    if (left_ == 0) file_.reset();
    return n;
  }

 private:
  struct File {
    File(sys::UniqueFd descriptor, std::uint64_t offset, std::uint64_t count)
        : fd(std::move(descriptor)), content(fd.get(), offset, count) {}
    sys::UniqueFd fd;
    FdSource content;
  };

  Result<> next_item() {
    const char kind = TRY(read_byte());
    switch (kind) {
      case kSkeletonBytes:
        left_ = TRY(read_number());
        break;
      case kSkeletonFile:
        TRY(open_file());
        break;
      case kSkeletonEnd:
        return end();
      default:
        return damaged("an item of unknown kind");
    }
    if (left_ == 0) return damaged("an empty item");
    if (left_ > archive_bytes_ - produced_) return damaged("the archive would be too long");
    produced_ += left_;
    return {};
  }

  Result<> open_file() {
    const std::uint64_t length = TRY(read_number());
    if (length == 0 || length > kMaxPathBytes) return damaged("a path of impossible length");
    std::string path(static_cast<std::size_t>(length), '\0');
    for (std::size_t at = 0; at < path.size();) {
      const std::size_t n = TRY(read_items(std::span(path).subspan(at)));
      if (n == 0) return damaged("it ends inside a path");
      at += n;
    }
    if (path.contains('\0')) return damaged("a path with a NUL");
    const std::uint64_t offset = TRY(read_number());
    left_ = TRY(read_number());
    if (offset > INT64_MAX || left_ > INT64_MAX - offset) return damaged("a piece beyond any file");
    auto fd = sys::open_beneath_no_symlinks(tree_, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!fd)
      return std::unexpected(std::move(fd).error().with_context(
          fmt::format("the layer's file '{}', which its archive needs", printable(path))));
    struct stat st{};
    if (::fstat(fd->get(), &st) != 0) return sys_fail("reading attributes of '{}'", printable(path));
    if (!S_ISREG(st.st_mode))
      return fail(ErrorKind::kVerification, "the layer's '{}' is not a file any more", printable(path));
    file_.emplace(*std::move(fd), offset, left_);
    shown_ = printable(path);
    return {};
  }

  Result<std::size_t> read_file(std::span<char> buffer) {
    return TRY_CTX(file_->content.read(buffer), "the layer's file '{}'", shown_);
  }

  Result<> end() {
    if (TRY(read_number()) != archive_bytes_ || produced_ != archive_bytes_)
      return damaged("the archive has another length");
    std::array<char, 1> more{};
    if (at_ != got_ || TRY(items_->read(more)) != 0) return damaged("something behind its end");
    const Digest digest = hasher_.finish();
    if (digest != digest_)
      return fail(ErrorKind::kVerification,
                  "the layer has changed: the archive made from it has the digest {}, not {}", digest.str(),
                  digest_.str());
    ended_ = true;
    return {};
  }

  // Bytes of the items: what is buffered first.
  Result<std::size_t> read_items(std::span<char> buffer) {
    if (at_ == got_) {
      if (buffer.size() >= buffer_.size()) return items_->read(buffer);
      at_ = 0;
      got_ = 0;
      got_ = TRY(items_->read(buffer_));
    }
    const std::size_t n = std::min(buffer.size(), got_ - at_);
    std::memcpy(buffer.data(), buffer_.data() + at_, n);
    at_ += n;
    return n;
  }

  Result<char> read_byte() {
    std::array<char, 1> byte{};
    if (TRY(read_items(byte)) == 0) return damaged("it has no end");
    return byte[0];
  }

  Result<std::uint64_t> read_number() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(TRY(read_byte()));
      const std::uint64_t bits = byte & 0x7fU;
      if (shift == 63 && bits > 1) break;
      number |= bits << shift;
      if ((byte & 0x80U) == 0) return number;
    }
    return damaged("a number is too large");
  }

  sys::UniqueFd skeleton_;
  FdSource stored_;
  std::unique_ptr<ByteSource> items_;
  std::array<char, 16U << 10U> buffer_{};  // of items
  std::size_t at_ = 0;
  std::size_t got_ = 0;
  sys::DirFd tree_;
  Digest digest_;
  Hasher hasher_;
  std::uint64_t archive_bytes_;
  std::uint64_t produced_ = 0;  // with the current item
  std::uint64_t left_ = 0;      // of the current item
  std::optional<File> file_;    // that the current item is about
  std::string shown_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> open_skeleton(sys::UniqueFd skeleton, sys::DirFd tree,
                                                  const Digest& archive_digest, std::uint64_t archive_bytes) {
  struct stat st{};
  if (::fstat(skeleton.get(), &st) != 0) return sys_fail("reading the archive's skeleton");
  const auto size = static_cast<std::uint64_t>(st.st_size);
  FdSource front(skeleton.get(), 0, std::min<std::uint64_t>(size, kHeaderBytes));
  const std::string header = TRY(read_to_end(front, kHeaderBytes));
  if (header.starts_with(kSkeletonIncomplete)) {
    const std::string why = header.substr(kSkeletonIncomplete.size());
    return fail(ErrorKind::kNotFound, "the exact archive is lost: {}",
                printable(why.substr(0, why.find('\n'))));
  }
  if (!header.starts_with(kSkeletonHeader)) return damaged("it begins with something else");
  return std::make_unique<SkeletonSource>(std::move(skeleton), size, std::move(tree), archive_digest,
                                          archive_bytes);
}

}  // namespace agena::stage0
