// Semantic versions (semver.org 2.0.0), as `acVersion` holds them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::schema {

// MAJOR.MINOR.PATCH[-PRERELEASE][+METADATA].
class Semver {
 public:
  static Result<Semver> parse(std::string_view text);
  // The version of the appc specification that we write: 0.8.11.
  static Semver appc();

  std::uint64_t major_part() const { return major_; }
  std::uint64_t minor_part() const { return minor_; }
  std::uint64_t patch_part() const { return patch_; }
  const std::string& prerelease() const { return prerelease_; }
  const std::string& metadata() const { return metadata_; }
  std::string str() const;

  // Equal in every part, metadata included.
  bool operator==(const Semver&) const = default;
  // Precedence by clause 11: numeric parts, then prerelease identifiers; metadata does not count.
  static std::weak_ordering compare(const Semver& a, const Semver& b);

 private:
  Semver(std::uint64_t major_part, std::uint64_t minor_part, std::uint64_t patch_part)
      : major_(major_part), minor_(minor_part), patch_(patch_part) {}
  std::uint64_t major_;
  std::uint64_t minor_;
  std::uint64_t patch_;
  std::string prerelease_;
  std::string metadata_;
};

}  // namespace agena::schema
