// The plain functions are deprecated in OpenSSL 3 in favour of EVP; hash.h says why they are used.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "stage0/unpack/hash.h"

#include <openssl/sha.h>

#include <cstdlib>
#include <cstring>
#include <utility>
#include <variant>

namespace agena::stage0 {
namespace {

// Stores words as the standard numbers their bytes, big-endian.
template <class Word>
void store_words(const Word* words, HashState& state) {
  state.size = 0;
  for (int i = 0; i < 8; ++i)
    for (std::size_t byte = sizeof(Word); byte-- > 0;)
      state.bytes[state.size++] = static_cast<unsigned char>(words[i] >> (8 * byte));
}

template <class Word>
void load_words(const HashState& state, Word* words) {
  for (std::size_t i = 0; i < 8; ++i) {
    Word word = 0;
    for (std::size_t byte = 0; byte < sizeof(Word); ++byte)
      word = static_cast<Word>(word << 8U) | state.bytes[(i * sizeof(Word)) + byte];
    words[i] = word;
  }
}

}  // namespace

struct Hasher::Context {
  std::variant<SHA256_CTX, SHA512_CTX> hash;
};

const char* to_string(HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::kSha256 ? "sha256" : "sha512";
}

HashAlgorithm algorithm_of(const Digest& digest) {
  return digest.algorithm() == "sha512" ? HashAlgorithm::kSha512 : HashAlgorithm::kSha256;
}

Hasher::Hasher(HashAlgorithm algorithm) : algorithm_(algorithm), context_(std::make_unique<Context>()) {
  if (algorithm == HashAlgorithm::kSha256) {
    SHA256_Init(&context_->hash.emplace<SHA256_CTX>());
  } else {
    SHA512_Init(&context_->hash.emplace<SHA512_CTX>());
  }
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const char> bytes) {
  if (auto* sha256 = std::get_if<SHA256_CTX>(&context_->hash)) {
    SHA256_Update(sha256, bytes.data(), bytes.size());
  } else if (auto* sha512 = std::get_if<SHA512_CTX>(&context_->hash)) {
    SHA512_Update(sha512, bytes.data(), bytes.size());
  }
}

Digest Hasher::finish() {
  std::array<unsigned char, SHA512_DIGEST_LENGTH> raw{};
  std::size_t size = 0;
  if (auto* sha256 = std::get_if<SHA256_CTX>(&context_->hash)) {
    SHA256_Final(raw.data(), sha256);
    size = SHA256_DIGEST_LENGTH;
  } else if (auto* sha512 = std::get_if<SHA512_CTX>(&context_->hash)) {
    SHA512_Final(raw.data(), sha512);
    size = SHA512_DIGEST_LENGTH;
  }
  context_.reset();
  std::array<char, SHA512_DIGEST_LENGTH> chars{};
  std::memcpy(chars.data(), raw.data(), size);
  auto digest = Digest::from_bytes(to_string(algorithm_), std::string_view(chars.data(), size));
  // Algorithm and length fit each other by construction.
  if (!digest) std::abort();
  return *std::move(digest);
}

HashState Hasher::state() const {
  HashState state;
  if (const auto* sha256 = std::get_if<SHA256_CTX>(&context_->hash)) {
    store_words(static_cast<const SHA_LONG*>(sha256->h), state);
  } else if (const auto* sha512 = std::get_if<SHA512_CTX>(&context_->hash)) {
    store_words(static_cast<const SHA_LONG64*>(sha512->h), state);
  }
  return state;
}

Hasher Hasher::resume(HashAlgorithm algorithm, const HashState& state) {
  Hasher hasher(algorithm);
  if (auto* sha256 = std::get_if<SHA256_CTX>(&hasher.context_->hash)) {
    load_words(state, static_cast<SHA_LONG*>(sha256->h));
  } else if (auto* sha512 = std::get_if<SHA512_CTX>(&hasher.context_->hash)) {
    load_words(state, static_cast<SHA_LONG64*>(sha512->h));
  }
  return hasher;
}

Digest hash_of(HashAlgorithm algorithm, std::string_view bytes) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace agena::stage0
