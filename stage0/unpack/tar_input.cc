#include "stage0/unpack/tar_input.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace agena::stage0 {

TarInput::TarInput(ChunkSource& chunks, std::optional<HashAlgorithm> algorithm) : chunks_(chunks) {
  if (algorithm) hasher_.emplace(*algorithm);
}

Result<std::span<const char>> TarInput::peek(std::uint64_t max) {
  if (at_ == chunk_.size()) {
    hash_up_to_here();
    TRY(flush_skeleton());
    chunk_ = TRY(chunks_.next());
    at_ = 0;
    hashed_ = 0;
    kept_ = 0;
  }
  return chunk_.subspan(at_, static_cast<std::size_t>(std::min<std::uint64_t>(max, chunk_.size() - at_)));
}

void TarInput::advance(std::size_t n) {
  at_ += n;
  offset_ += n;
}

Result<std::size_t> TarInput::read(std::span<char> buffer) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    const std::span<const char> piece = TRY(peek(buffer.size() - size));
    if (piece.empty()) break;
    std::memcpy(buffer.data() + size, piece.data(), piece.size());
    advance(piece.size());
    size += piece.size();
  }
  return size;
}

Result<std::uint64_t> TarInput::skip(std::uint64_t n) {
  std::uint64_t skipped = 0;
  while (skipped < n) {
    if (at_ == chunk_.size() && !hasher_) {
      const std::uint64_t unread = chunks_.skip(n - skipped);
      skipped += unread;
      offset_ += unread;
      if (skipped == n) break;
    }
    const std::span<const char> piece = TRY(peek(n - skipped));
    if (piece.empty()) break;
    advance(piece.size());
    skipped += piece.size();
  }
  return skipped;
}

Result<> TarInput::flush_skeleton() {
  const std::size_t from = std::exchange(kept_, at_);
  if (skeleton_ == nullptr || known_) return {};
  return skeleton_->keep(chunk_.subspan(from, at_ - from));
}

Result<> TarInput::begin_known() {
  TRY(flush_skeleton());
  known_ = true;
  return {};
}

void TarInput::end_known() {
  kept_ = at_;
  known_ = false;
}

HashState TarInput::hash_state() {
  hash_up_to_here();
  return hasher_->state();
}

Digest TarInput::finish_hash() {
  hash_up_to_here();
  return hasher_->finish();
}

void TarInput::hash_up_to_here() {
  if (hasher_ && at_ > hashed_) hasher_->update(chunk_.subspan(hashed_, at_ - hashed_));
  hashed_ = at_;
}

}  // namespace agena::stage0
