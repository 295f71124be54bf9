// Where bytes come from: the pull interface that blobs, decompressors and archives are chained by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/base/result.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {

// A stream of bytes that is read once, from front to end.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Fills the front of the buffer (not empty) and returns how many bytes; 0 is the end of the stream. Short
  // reads are normal. After an error or the end the source is not read again.
  virtual Result<std::size_t> read(std::span<char> buffer) = 0;
};

// A file, pipe or socket; does not own the descriptor.
class FdSource : public ByteSource {
 public:
  // From the descriptor's position on, with read(2).
  explicit FdSource(int fd) : fd_(fd) {}
  // The window [offset, offset + length) of a seekable file, with pread(2): several may share a descriptor. A
  // file that ends inside the window is a kVerification error.
  FdSource(int fd, std::uint64_t offset, std::uint64_t length)
      : fd_(fd), window_(Window{.offset = offset, .left = length}) {}
  Result<std::size_t> read(std::span<char> buffer) override;

 private:
  struct Window {
    std::uint64_t offset;
    std::uint64_t left;
  };
  int fd_;
  std::optional<Window> window_;
};

// Bytes in memory; keeps its own copy.
class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read(std::span<char> buffer) override;

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

// Passes another source on, hashing and counting what goes through. With an expected size, the first byte
// beyond it and an end before it are kVerification errors (descriptor.md: the size must match exactly).
class HashingSource : public ByteSource {
 public:
  HashingSource(ByteSource& inner, HashAlgorithm algorithm, std::optional<std::uint64_t> expected_size = {})
      : inner_(inner), hasher_(algorithm), expected_size_(expected_size) {}
  Result<std::size_t> read(std::span<char> buffer) override;

  // Bytes passed so far.
  std::uint64_t bytes() const { return bytes_; }
  // From now on bytes are only counted: somebody else hashes the same. There will be no digest.
  void count_only() { hashes_ = false; }
  // Digest of what has passed; ends the hashing. Whether the stream was read to its end is the caller's
  // affair.
  Digest finish() { return hasher_.finish(); }

 private:
  ByteSource& inner_;
  Hasher hasher_;
  std::optional<std::uint64_t> expected_size_;
  std::uint64_t bytes_ = 0;
  bool hashes_ = true;
};

// Everything to the end of a source; an error beyond max_bytes.
Result<std::string> read_to_end(ByteSource& source, std::size_t max_bytes);

}  // namespace agena::stage0
