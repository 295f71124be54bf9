// Tar archives: the reader comes to an end, says the same however the bytes arrive, and its sparse maps fit.
// The first byte says whether checksums are put right and how the bytes arrive.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "stage0/unpack/tar_reader.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/tar_fixup.h"

namespace {

using agena::stage0::TarEntry;

class Pieces : public agena::stage0::ByteSource {
 public:
  Pieces(const std::string& bytes, std::size_t step) : bytes_(bytes), step_(step) {}
  agena::Result<std::size_t> read(std::span<char> buffer) override {
    const std::size_t n = std::min({buffer.size(), step_, bytes_.size() - at_});
    std::copy_n(bytes_.data() + at_, n, buffer.data());
    at_ += n;
    return n;
  }

 private:
  const std::string& bytes_;
  std::size_t step_;
  std::size_t at_ = 0;
};

void check_entry(const TarEntry& entry) {
  FUZZ_CHECK(!entry.path.empty());
  FUZZ_CHECK(entry.mode <= 07777);
  FUZZ_CHECK(entry.uid != UINT32_MAX && entry.gid != UINT32_MAX);
  std::uint64_t end = 0;
  std::uint64_t stored = 0;
  for (const TarEntry::Segment& segment : entry.segments) {
    FUZZ_CHECK(segment.offset >= end);
    FUZZ_CHECK(segment.length <= entry.size - segment.offset);
    end = segment.offset + segment.length;
    stored += segment.length;
  }
  FUZZ_CHECK(stored == (entry.sparse ? entry.stored_size : 0));
  FUZZ_CHECK(entry.sparse || entry.size == entry.stored_size);
}

// Everything that the reader says, as text.
std::string listing(const std::string& archive, std::size_t step) {
  Pieces source(archive, step);
  agena::stage0::TarReader reader(source);
  std::string text;
  TarEntry entry;
  while (true) {
    const auto more = reader.next(entry);
    if (!more) return text + "error: " + more.error().to_string();
    if (!*more) return text + "end";
    check_entry(entry);
    text +=
        fmt::format("{} {} {} {} {} {} {} {}\n", static_cast<int>(entry.type), entry.path, entry.link_target,
                    entry.mode, entry.size, entry.mtime_sec, entry.data_offset, entry.xattrs.size());
    std::uint64_t read = 0;
    while (true) {
      const auto piece = reader.data();
      if (!piece) return text + "error: " + piece.error().to_string();
      if (piece->empty()) break;
      read += piece->size();
    }
    FUZZ_CHECK(read == entry.stored_size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string archive(agena::fuzz::text_of(data + 1, size - 1));
  if ((data[0] & 1U) != 0) agena::fuzz::fix_tar_checksums(archive);
  const std::string whole = listing(archive, SIZE_MAX);
  FUZZ_CHECK(whole == listing(archive, 1 + (data[0] >> 1U)));
  return 0;
}
