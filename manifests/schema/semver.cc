#include "manifests/schema/semver.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/strings.h"

namespace agena::schema {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_numeric(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

// A number without leading zeros (clause 2).
bool parse_part(std::string_view text, std::uint64_t& part) {
  if (!is_numeric(text) || (text.size() > 1 && text[0] == '0')) return false;
  auto number = parse_uint(text);
  if (!number) return false;
  part = *number;
  return true;
}

// Dot-separated identifiers of [0-9A-Za-z-] (clauses 9 and 10); numeric ones without leading zeros where
// they are compared.
bool good_identifiers(std::string_view text, bool compared) {
  for (const std::string& identifier : split(text, '.')) {
    const bool good = !identifier.empty() && std::ranges::all_of(identifier, [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    });
    if (!good) return false;
    if (compared && is_numeric(identifier) && identifier.size() > 1 && identifier[0] == '0') return false;
  }
  return true;
}

// Clause 11.4 for one pair of identifiers; numbers are compared as text of equal length, so any size works.
std::weak_ordering compare_identifier(const std::string& a, const std::string& b) {
  const bool a_numeric = is_numeric(a);
  const bool b_numeric = is_numeric(b);
  if (a_numeric != b_numeric) return a_numeric ? std::weak_ordering::less : std::weak_ordering::greater;
  if (a_numeric && a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

std::weak_ordering compare_prerelease(const std::string& a, const std::string& b) {
  // A version without a prerelease comes after those with one.
  if (a.empty() || b.empty()) return a.empty() <=> b.empty();
  const std::vector<std::string> left = split(a, '.');
  const std::vector<std::string> right = split(b, '.');
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i)
    if (auto order = compare_identifier(left[i], right[i]); order != 0) return order;
  return left.size() <=> right.size();
}

}  // namespace

Result<Semver> Semver::parse(std::string_view text) {
  const Cut metadata = cut(text, '+');
  const Cut prerelease = cut(metadata.before, '-');
  const std::vector<std::string> parts = split(prerelease.before, '.');
  Semver version(0, 0, 0);
  const bool good = parts.size() == 3 && parse_part(parts[0], version.major_) &&
                    parse_part(parts[1], version.minor_) && parse_part(parts[2], version.patch_) &&
                    (!prerelease.found || good_identifiers(prerelease.after, true)) &&
                    (!metadata.found || good_identifiers(metadata.after, false));
  if (!good)
    return fail(ErrorKind::kInvalidInput, "expected a semantic version (MAJOR.MINOR.PATCH), found '{}'",
                printable(text));
  version.prerelease_ = prerelease.after;
  version.metadata_ = metadata.after;
  return version;
}

Semver Semver::appc() { return {0, 8, 11}; }

std::string Semver::str() const {
  std::string text = fmt::format("{}.{}.{}", major_, minor_, patch_);
  if (!prerelease_.empty()) text += "-" + prerelease_;
  if (!metadata_.empty()) text += "+" + metadata_;
  return text;
}

std::weak_ordering Semver::compare(const Semver& a, const Semver& b) {
  if (auto order = a.major_ <=> b.major_; order != 0) return order;
  if (auto order = a.minor_ <=> b.minor_; order != 0) return order;
  if (auto order = a.patch_ <=> b.patch_; order != 0) return order;
  return compare_prerelease(a.prerelease_, b.prerelease_);
}

}  // namespace agena::schema
