// Image IDs: "sha512-" and lower-case hex (appc specification 0.8.11, "Image ID Type").
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::schema {

// A whole image ID: all 128 hex digits, or the first 64 of them, which is the key that stores use.
class ImageId {
 public:
  static Result<ImageId> parse(std::string_view text);
  // The key (64 digits) of a raw SHA-512 of 64 bytes.
  static Result<ImageId> key_of_sha512(std::string_view raw_digest);

  // "sha512-<hex>", as it was given.
  const std::string& str() const { return text_; }
  // The hex digits alone.
  std::string_view hex() const { return std::string_view(text_).substr(kPrefix.size()); }
  // The same image's ID cut to 64 digits. Compare keys to compare images: the long and the short form of one
  // ID are different values.
  ImageId key() const;
  bool is_key() const { return hex().size() == kKeyDigits; }

  auto operator<=>(const ImageId&) const = default;

  static constexpr std::string_view kPrefix = "sha512-";
  static constexpr std::size_t kKeyDigits = 64;
  static constexpr std::size_t kFullDigits = 128;

 private:
  explicit ImageId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// Whether a user's text claims to be an image ID or the start of one ("sha512-…").
bool looks_like_image_id(std::string_view text);

// The start of an image ID as a user types it: "sha512-" and 2 to 128 lower-case hex digits, cut to the 64
// that keys have. Keys that begin with the result match.
Result<std::string> parse_image_id_prefix(std::string_view text);

}  // namespace agena::schema
