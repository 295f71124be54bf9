#include "common/sys/id_range.h"

#include <algorithm>

#include "common/base/strings.h"

namespace agena::sys {
namespace {

// The last number means "unchanged" to the kernel.
constexpr std::uint64_t kEnd = UINT32_MAX;

std::uint64_t end_of(const IdRange& range) { return std::uint64_t{range.first} + range.count; }

}  // namespace

Result<IdRange> IdRange::parse(std::string_view text) {
  const Cut parts = cut(text, ':');
  const auto first = parse_uint(parts.before, UINT32_MAX);
  const auto count = parse_uint(parts.after, UINT32_MAX);
  if (!parts.found || !first || !count || *first == 0 || *count == 0 || *first + *count > kEnd)
    return fail(ErrorKind::kInvalidInput, "'{}' is not a range of ids (SHIFT:COUNT)", printable(text));
  return IdRange{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*count)};
}

std::string IdRange::str() const { return fmt::format("{}:{}", first, count); }

bool IdRange::contains(const IdRange& other) const {
  return other.first >= first && end_of(other) <= end_of(*this);
}

bool IdRange::overlaps(const IdRange& other) const {
  return std::max(first, other.first) < std::min(end_of(*this), end_of(other));
}

std::uint32_t IdRange::on_host(std::uint32_t id) const {
  return first + (id < count ? id : std::min(kNobody, count - 1));
}

}  // namespace agena::sys
