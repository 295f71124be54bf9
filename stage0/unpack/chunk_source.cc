#include "stage0/unpack/chunk_source.h"

#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace agena::stage0 {
namespace {

// Reads until the buffer is full or the source ends.
Result<std::size_t> fill(ByteSource& source, std::span<char> buffer) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    const std::size_t n = TRY(source.read(buffer.subspan(size)));
    if (n == 0) break;
    size += n;
  }
  return size;
}

class DirectChunks : public ChunkSource {
 public:
  DirectChunks(ByteSource& source, std::size_t chunk_bytes) : source_(source), buffer_(chunk_bytes) {}
  Result<std::span<const char>> next() override {
    const std::size_t n = ended_ ? 0 : TRY(source_.read(buffer_));
    ended_ = n == 0;
    return std::span<const char>(buffer_).first(n);
  }

 private:
  ByteSource& source_;
  std::vector<char> buffer_;
  bool ended_ = false;
};

// A ring of chunks: the thread fills those that are free in turn, the receiver takes them in the same order.
class PipelinedChunks : public ChunkSource {
 public:
  explicit PipelinedChunks(ByteSource& source) : source_(source) {
    for (Chunk& chunk : ring_) chunk.bytes.resize(kChunkBytes);
    thread_ = std::thread([this] { produce(); });
  }
  ~PipelinedChunks() override {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  PipelinedChunks(const PipelinedChunks&) = delete;
  PipelinedChunks& operator=(const PipelinedChunks&) = delete;

  Result<std::span<const char>> next() override {
    std::unique_lock lock(mutex_);
    if (held_) {
      held_ = false;
      ++taken_;
      changed_.notify_all();
    }
    changed_.wait(lock, [this] { return made_ > taken_ || ended_; });
    if (made_ == taken_) {
      if (error_) return std::unexpected(*std::exchange(error_, std::nullopt));
      return std::span<const char>();
    }
    held_ = true;
    const Chunk& chunk = ring_[taken_ % kChunks];
    return std::span<const char>(chunk.bytes).first(chunk.size);
  }

 private:
  static constexpr std::size_t kChunks = 6;
  struct Chunk {
    std::vector<char> bytes;
    std::size_t size = 0;
  };

  void produce() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return made_ - taken_ < kChunks || cancelled_; });
        if (cancelled_) return;
      }
      // Only this thread changes made_, and the receiver does not touch a chunk before it is made.
      Chunk& chunk = ring_[made_ % kChunks];
      auto size = fill(source_, chunk.bytes);
      const std::lock_guard lock(mutex_);
      if (size && *size > 0) {
        chunk.size = *size;
        ++made_;
      } else {
        ended_ = true;
        if (!size) error_ = std::move(size).error();
      }
      changed_.notify_all();
      if (ended_) return;
    }
  }

  ByteSource& source_;
  std::array<Chunk, kChunks> ring_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t made_ = 0;
  std::size_t taken_ = 0;
  bool held_ = false;  // the receiver looks at chunk taken_
  bool ended_ = false;
  bool cancelled_ = false;
  std::optional<Error> error_;
  std::thread thread_;
};

class SeekingChunks : public ChunkSource {
 public:
  SeekingChunks(int fd, std::uint64_t size) : fd_(fd), size_(size), buffer_(kPiece) {}
  Result<std::span<const char>> next() override {
    const std::uint64_t left = std::min<std::uint64_t>(size_ - at_, buffer_.size());
    FdSource source(fd_, at_, left);
    const std::size_t n = left == 0 ? 0 : TRY(source.read(buffer_));
    at_ += n;
    return std::span<const char>(buffer_).first(n);
  }
  std::uint64_t skip(std::uint64_t n) override {
    const std::uint64_t skipped = std::min(n, size_ - at_);
    at_ += skipped;
    return skipped;
  }

 private:
  // Small: between the headers that are wanted lie contents that are not.
  static constexpr std::size_t kPiece = 8192;
  int fd_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  std::vector<char> buffer_;
};

}  // namespace

std::uint64_t ChunkSource::skip(std::uint64_t) { return 0; }

std::unique_ptr<ChunkSource> make_direct_chunks(ByteSource& source, std::size_t chunk_bytes) {
  return std::make_unique<DirectChunks>(source, chunk_bytes);
}

std::unique_ptr<ChunkSource> make_pipelined_chunks(ByteSource& source) {
  try {
    return std::make_unique<PipelinedChunks>(source);
  } catch (const std::system_error&) {
    // No thread to be had (pids.max, TasksMax): all in this one, slower.
    return make_direct_chunks(source);
  }
}

std::unique_ptr<ChunkSource> make_seeking_chunks(int fd, std::uint64_t size) {
  return std::make_unique<SeekingChunks>(fd, size);
}

}  // namespace agena::stage0
