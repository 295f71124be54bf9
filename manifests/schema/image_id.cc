#include "manifests/schema/image_id.h"

#include "common/base/strings.h"

namespace agena::schema {
namespace {

constexpr std::size_t kSha512Bytes = 64;
constexpr std::size_t kShortestPrefix = 2;  // digits, as rkt asks for

std::unexpected<Error> not_an_id(std::string_view text) {
  return fail(ErrorKind::kInvalidInput,
              "expected an image ID (sha512- and {} or {} lower-case hex digits), found '{}'",
              ImageId::kFullDigits, ImageId::kKeyDigits, printable(text));
}

}  // namespace

Result<ImageId> ImageId::parse(std::string_view text) {
  if (!looks_like_image_id(text)) return not_an_id(text);
  const std::string_view hex = text.substr(kPrefix.size());
  const bool whole = hex.size() == kKeyDigits || hex.size() == kFullDigits;
  if (!whole || !is_lower_hex(hex)) return not_an_id(text);
  return ImageId(std::string(text));
}

Result<ImageId> ImageId::key_of_sha512(std::string_view raw_digest) {
  if (raw_digest.size() != kSha512Bytes)
    return fail(ErrorKind::kInternal, "a SHA-512 has {} bytes, not {}", kSha512Bytes, raw_digest.size());
  return ImageId(std::string(kPrefix) + to_hex(raw_digest.substr(0, kKeyDigits / 2)));
}

ImageId ImageId::key() const { return ImageId(text_.substr(0, kPrefix.size() + kKeyDigits)); }

bool looks_like_image_id(std::string_view text) { return text.starts_with(ImageId::kPrefix); }

Result<std::string> parse_image_id_prefix(std::string_view text) {
  if (!looks_like_image_id(text)) return not_an_id(text);
  const std::string_view hex = text.substr(ImageId::kPrefix.size());
  if (hex.size() < kShortestPrefix)
    return fail(ErrorKind::kInvalidInput, "image ID too short: '{}' (at least {} digits)", printable(text),
                kShortestPrefix);
  if (hex.size() > ImageId::kFullDigits || !is_lower_hex(hex)) return not_an_id(text);
  return std::string(text.substr(0, ImageId::kPrefix.size() + ImageId::kKeyDigits));
}

}  // namespace agena::schema
