#include "manifests/schema/ac_name.h"

#include "common/base/strings.h"

namespace agena::schema {
namespace {

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Words of a-z0-9 with single separators between them.
bool is_separated_words(std::string_view text, std::string_view separators) {
  bool after_word = false;
  for (const char c : text) {
    if (is_word(c)) {
      after_word = true;
    } else {
      if (!after_word || separators.find(c) == std::string_view::npos) return false;
      after_word = false;
    }
  }
  return after_word;
}

std::string sanitise(std::string_view text, std::string_view separators, char replacement) {
  std::string clean;
  for (const char c : to_lower(text)) {
    if (is_word(c)) {
      clean += c;
      continue;
    }
    // A separator needs a word before it, and of several in a row the first stays.
    if (clean.empty() || !is_word(clean.back())) continue;
    clean += separators.find(c) != std::string_view::npos ? c : replacement;
  }
  if (!clean.empty() && !is_word(clean.back())) clean.pop_back();
  return clean;
}

constexpr std::string_view kNameSeparators = "-";
constexpr std::string_view kIdentifierSeparators = "-._~/";

std::unexpected<Error> nothing_left(std::string_view text) {
  return fail(ErrorKind::kInvalidInput, "no name can be made of '{}' (it has no letter and no digit)",
              printable(text));
}

}  // namespace

Result<AcName> AcName::parse(std::string_view text) {
  if (text.empty()) return fail(ErrorKind::kInvalidInput, "expected a name, found an empty string");
  if (!is_separated_words(text, kNameSeparators))
    return fail(ErrorKind::kInvalidInput,
                "expected a name (lower-case letters and digits, single dashes between them), found '{}'",
                printable(text));
  return AcName(std::string(text));
}

Result<AcName> AcName::sanitised(std::string_view text) {
  std::string clean = sanitise(text, kNameSeparators, '-');
  if (clean.empty()) return nothing_left(text);
  return AcName(std::move(clean));
}

Result<AcIdentifier> AcIdentifier::parse(std::string_view text) {
  if (text.empty()) return fail(ErrorKind::kInvalidInput, "expected an identifier, found an empty string");
  if (!is_separated_words(text, kIdentifierSeparators))
    return fail(
        ErrorKind::kInvalidInput,
        "expected an identifier (lower-case letters and digits, one of -._~/ between them), found '{}'",
        printable(text));
  return AcIdentifier(std::string(text));
}

Result<AcIdentifier> AcIdentifier::sanitised(std::string_view text) {
  std::string clean = sanitise(text, kIdentifierSeparators, '_');
  if (clean.empty()) return nothing_left(text);
  return AcIdentifier(std::move(clean));
}

std::string_view AcIdentifier::last_element() const {
  const std::string_view text = text_;
  return text.substr(text.rfind('/') + 1);  // npos + 1 is 0
}

}  // namespace agena::schema
