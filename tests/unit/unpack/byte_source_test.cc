#include "stage0/unpack/byte_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "stage0/unpack/chunk_source.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using test::TempDir;

sys::UniqueFd file_with(const TempDir& temp, const std::string& content) {
  EXPECT_TRUE(test::ok(sys::write_file(temp.dir(), "file", content)));
  auto fd = sys::open_at(temp.dir(), "file", O_RDONLY);
  EXPECT_TRUE(test::ok(fd));
  return *std::move(fd);
}

TEST(FdSource, ReadsFromThePositionOn) {
  const TempDir temp;
  const sys::UniqueFd fd = file_with(temp, "0123456789");
  ASSERT_EQ(::lseek(fd.get(), 4, SEEK_SET), 4);
  FdSource source(fd.get());
  EXPECT_EQ(ASSERT_VALUE(read_to_end(source, 100)), "456789");
}

TEST(FdSource, WindowsShareADescriptor) {
  const TempDir temp;
  const sys::UniqueFd fd = file_with(temp, "0123456789");
  FdSource front(fd.get(), 0, 3);
  FdSource middle(fd.get(), 3, 4);
  FdSource empty(fd.get(), 10, 0);
  EXPECT_EQ(ASSERT_VALUE(read_to_end(middle, 100)), "3456");
  EXPECT_EQ(ASSERT_VALUE(read_to_end(front, 100)), "012");
  EXPECT_EQ(ASSERT_VALUE(read_to_end(empty, 100)), "");
}

TEST(FdSource, WindowBeyondTheFileIsAnError) {
  const TempDir temp;
  const sys::UniqueFd fd = file_with(temp, "0123456789");
  FdSource source(fd.get(), 8, 5);
  const auto content = read_to_end(source, 100);
  EXPECT_EQ(error_of(content), "the file ends at byte 10, 3 bytes too early");
}

TEST(FdSource, ReadFailureIsTold) {
  FdSource source(-1);
  EXPECT_EQ(error_of(read_to_end(source, 100)), "reading: bad file descriptor");
}

TEST(ReadToEnd, HasALimit) {
  StringSource exact("12345");
  EXPECT_EQ(ASSERT_VALUE(read_to_end(exact, 5)), "12345");
  StringSource over("123456");
  EXPECT_EQ(error_of(read_to_end(over, 5)), "larger than the limit of 5 bytes");
}

TEST(HashingSource, HashesAndCounts) {
  StringSource inner("abc");
  HashingSource source(inner, HashAlgorithm::kSha256, 3);
  EXPECT_EQ(ASSERT_VALUE(read_to_end(source, 100)), "abc");
  EXPECT_EQ(source.bytes(), 3U);
  EXPECT_EQ(source.finish(), hash_of(HashAlgorithm::kSha256, "abc"));
}

TEST(HashingSource, SizeMustMatch) {
  StringSource more("abcd");
  HashingSource over(more, HashAlgorithm::kSha256, 3);
  const auto first = read_to_end(over, 100);
  EXPECT_EQ(error_of(first), "the blob is larger than the stated 3 bytes");
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().kind(), ErrorKind::kVerification);
  StringSource less("ab");
  HashingSource under(less, HashAlgorithm::kSha256, 3);
  EXPECT_EQ(error_of(read_to_end(under, 100)), "the blob has 2 bytes instead of the stated 3");
}

// Content that tells where it is cut.
std::string numbers(std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(text.size()) + ",";
  text.resize(size);
  return text;
}

// Gives few bytes at a time, then its content ends or fails.
class SlowSource : public ByteSource {
 public:
  SlowSource(std::string content, bool fails) : inner_(std::move(content)), fails_(fails) {}
  Result<std::size_t> read(std::span<char> buffer) override {
    const std::size_t n = TRY(inner_.read(buffer.first(std::min<std::size_t>(buffer.size(), 777))));
    if (n == 0 && fails_) return fail(ErrorKind::kNetwork, "the line is dead");
    return n;
  }

 private:
  StringSource inner_;
  bool fails_;
};

Result<std::string> all_of(ChunkSource& chunks) {
  std::string content;
  while (true) {
    const std::span<const char> piece = TRY(chunks.next());
    if (piece.empty()) return content;
    content.append(piece.data(), piece.size());
  }
}

TEST(Chunks, DirectAndPipelinedAreTheSame) {
  const std::string content = numbers((3 * kChunkBytes) + 4321);
  SlowSource one(content, false);
  EXPECT_EQ(ASSERT_VALUE(all_of(*make_direct_chunks(one))), content);
  SlowSource two(content, false);
  EXPECT_EQ(ASSERT_VALUE(all_of(*make_pipelined_chunks(two))), content);
}

TEST(Chunks, LongerThanTheRing) {
  const std::string content = numbers(20 * kChunkBytes);
  StringSource source(content);
  EXPECT_EQ(ASSERT_VALUE(all_of(*make_pipelined_chunks(source))), content);
}

TEST(Chunks, FailureComesThrough) {
  SlowSource source(numbers(kChunkBytes + 5), true);
  const auto chunks = make_pipelined_chunks(source);
  EXPECT_EQ(error_of(all_of(*chunks)), "the line is dead");
}

// As in a cgroup whose pids.max is reached.
TEST(Chunks, NeedNoThread) {
  const pid_t child = ::fork();
  if (child == 0) {
    // Root is not limited.
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    constexpr uid_t kNobody = 65534;
    if (::setrlimit(RLIMIT_NPROC, &none) != 0 || (::geteuid() == 0 && ::setuid(kNobody) != 0)) ::_exit(2);
    StringSource source("content");
    const auto chunks = make_pipelined_chunks(source);
    const auto chunk = chunks->next();
    ::_exit(chunk && std::string_view(chunk->data(), chunk->size()) == "content" ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Chunks, CanBeGivenUp) {
  const std::string content(9 * kChunkBytes, 'x');
  for (int i = 0; i < 50; ++i) {
    StringSource source(content);
    const auto chunks = make_pipelined_chunks(source);
    if (i % 2 == 0) {
      EXPECT_FALSE(ASSERT_VALUE(chunks->next()).empty());
    }
  }
}

TEST(Chunks, SeekingSkips) {
  const TempDir temp;
  const std::string content = numbers(100'000);
  const sys::UniqueFd fd = file_with(temp, content);
  const auto chunks = make_seeking_chunks(fd.get(), content.size());
  const std::span<const char> first = ASSERT_VALUE(chunks->next());
  EXPECT_EQ(chunks->skip(50'000), 50'000U);
  const std::span<const char> second = ASSERT_VALUE(chunks->next());
  ASSERT_GE(second.size(), 5U);
  EXPECT_EQ(std::string(second.data(), 5), content.substr(first.size() + 50'000, 5));
  EXPECT_LT(chunks->skip(1'000'000), 100'000U);
  EXPECT_TRUE(ASSERT_VALUE(chunks->next()).empty());
}

}  // namespace
}  // namespace agena::stage0
