#include "stage0/metadata/signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

namespace agena::stage0 {
namespace {

// As long as the digest (RFC 2104, section 3).
constexpr std::size_t kKeyLength = 64;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<Signer> Signer::random() {
  std::string key(kKeyLength, '\0');
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    return sys_fail("making a key");
  return Signer(std::move(key));
}

Result<Signer> Signer::with_key(std::string key) {
  if (key.size() != kKeyLength)
    return fail(ErrorKind::kInvalidInput, "the key has {} bytes instead of {}", key.size(), kKeyLength);
  return Signer(std::move(key));
}

Result<std::string> Signer::sign(const Uuid& pod, std::string_view content) const {
  // The UUID always has the same length, so where it ends is clear.
  std::string message = pod.str();
  message += content;
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int length = 0;
  if (HMAC(EVP_sha512(), key_.data(), static_cast<int>(key_.size()), bytes_of(message), message.size(),
           reinterpret_cast<unsigned char*>(digest.data()), &length) == nullptr)
    return fail(ErrorKind::kInternal, "computing a signature failed");
  digest.resize(length);
  return digest;
}

Result<bool> Signer::verify(const Uuid& pod, std::string_view content, std::string_view signature) const {
  const std::string expected = TRY(sign(pod, content));
  return signature.size() == expected.size() &&
         CRYPTO_memcmp(signature.data(), expected.data(), expected.size()) == 0;
}

}  // namespace agena::stage0
