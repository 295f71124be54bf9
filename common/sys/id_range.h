// A run of 65536 or so ids of the host that stand for 0, 1, … in a user namespace. Values only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::sys {

struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  // "SHIFT:COUNT", as in private-users-prepared and --private-users of the stage1 contract. The range must
  // not be empty, hold id 0 or go beyond 4294967294.
  static Result<IdRange> parse(std::string_view text);
  std::string str() const;

  bool contains(std::uint32_t id) const { return id >= first && id - first < count; }
  bool contains(const IdRange& other) const;
  bool overlaps(const IdRange& other) const;
  // The id as the host knows it, of an id as the pod does; ids beyond the range are nobody's (65534).
  std::uint32_t on_host(std::uint32_t id) const;

  bool operator==(const IdRange&) const = default;
};

// What the kernel shows for ids that a namespace has none for (kernel.overflowuid).
inline constexpr std::uint32_t kNobody = 65534;

}  // namespace agena::sys
