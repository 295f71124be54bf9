// Points in time as text and back. All times are nanoseconds since the Unix epoch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena {

using Nanoseconds = std::int64_t;
constexpr Nanoseconds kSecond = 1'000'000'000;

// The wall clock now.
Nanoseconds now();
// CLOCK_MONOTONIC now.
Nanoseconds monotonic_now();
// RFC 3339 with nanoseconds, UTC: "2026-01-02T03:04:05.000000006Z".
std::string rfc3339(Nanoseconds time);
// The inverse, for years 1970 to 2261: "2026-01-02T03:04:05[.fraction](Z|±HH:MM)", 'T' and 'Z' in either
// case, a space for the 'T'; nullopt for any other text.
std::optional<Nanoseconds> parse_rfc3339(std::string_view text);
// Layout of rkt's `list --full` and `status`: "2006-01-02 15:04:05.999 -0700 MST", in the local zone.
std::string full_time(Nanoseconds time);
// Go's own layout of a time, as rkt's `app status` prints it: "2006-01-02 15:04:05.999999999 -0700 MST".
std::string exact_time(Nanoseconds time);
// "2 minutes ago", "3 days from now": time against now, as rkt's tables show it.
std::string humanised(Nanoseconds time, Nanoseconds now);
// Go's duration syntax, as rkt's flags take it: "1h30m", "10s", "1.5s", "300ms". A bare number is seconds.
Result<Nanoseconds> parse_duration(std::string_view text);

}  // namespace agena
