// Archive skeletons: whatever one says, the reader takes files only from below the layer, gives no more bytes
// than the archive has, and comes to an end. The first byte: 1 means that items follow, which are compressed
// here.
#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/sys/fs.h"
#include "stage0/unpack/archive_skeleton.h"
#include "stage0/unpack/skeleton_format.h"
#include "tests/fuzz/check.h"

namespace {

using namespace agena;          // NOLINT(google-build-using-namespace): a small program
using namespace agena::stage0;  // NOLINT(google-build-using-namespace)

constexpr std::uint64_t kArchiveBytes = 1U << 20U;

// Another one each time, so that the fuzzer cannot learn it.
std::string new_secret() {
  static std::uint64_t number = 0;
  return hash_of(HashAlgorithm::kSha256, std::to_string(++number)).hex();
}

template <class T>
T need(Result<T> result) {
  if (!result) std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
  FUZZ_CHECK(result.has_value());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// A layer with a secret beside it and ways there.
struct Arena {
  Arena() {
    std::string path = "/tmp/fuzz-skeleton-XXXXXX";
    FUZZ_CHECK(::mkdtemp(path.data()) != nullptr);
    top = need(sys::open_dir(sys::at_cwd(), path));
    name = path;
    need(sys::make_dir(top, "layer"));
    need(sys::make_dir(top, "layer/d"));
    need(sys::write_file(top, "secret", ""));
    need(sys::write_file(top, "layer/f", "content"));
    need(sys::write_file(top, "layer/d/f", std::string(5000, 'x')));
    need(sys::make_symlink("../secret", top, "layer/l"));
    need(sys::make_symlink("..", top, "layer/up"));
  }
  ~Arena() { (void)sys::remove_tree(sys::at_cwd(), name); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  sys::DirFd top;
  std::string name;
};

std::string as_skeleton(std::string_view items) {
  std::string stream(ZSTD_compressBound(items.size()), '\0');
  stream.resize(ZSTD_compress(stream.data(), stream.size(), items.data(), items.size(), 1));
  return std::string(kSkeletonHeader) + stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Arena arena;
  const std::string_view rest = agena::fuzz::text_of(data + 1, size - 1);
  const std::string skeleton = (data[0] & 1U) != 0 ? as_skeleton(rest) : std::string(rest);
  need(sys::write_file(arena.top, "archive", skeleton));
  const std::string secret = new_secret();
  need(sys::write_file(arena.top, "secret", secret));
  auto source = open_skeleton(need(sys::open_at(arena.top, "archive", O_RDONLY)),
                              need(sys::open_dir(arena.top, "layer")),
                              hash_of(HashAlgorithm::kSha256, "content"), kArchiveBytes);
  if (!source) return 0;
  std::string bytes;
  std::string buffer(10'000, '\0');
  while (true) {
    const auto n = (*source)->read(buffer);
    if (!n || *n == 0) break;
    bytes.append(buffer, 0, *n);
    FUZZ_CHECK(bytes.size() <= kArchiveBytes);
  }
  FUZZ_CHECK(!bytes.contains(secret));
  return 0;
}
