// UUIDs (RFC 9562), the names of pods.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena {

// A UUID in its only spelling here: 36 lower-case characters, 8-4-4-4-12.
class Uuid {
 public:
  // Accepts upper case; anything but the 36-character form is an error.
  static Result<Uuid> parse(std::string_view text);
  // A random one (version 4).
  static Result<Uuid> random();

  const std::string& str() const { return text_; }
  // The first eight characters, as tables show it.
  std::string short_form() const { return text_.substr(0, 8); }
  // Without dashes: the form of machine-id(5).
  std::string without_dashes() const;

  auto operator<=>(const Uuid&) const = default;

 private:
  explicit Uuid(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace agena
