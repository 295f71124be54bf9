// When to try again what failed: pure arithmetic, no waiting.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/time.h"

namespace agena::stage0 {

// The longest that a server may make us wait at a time.
constexpr Nanoseconds kLongestWait = 60 * kSecond;

// Value of a Retry-After header (RFC 9110 10.2.3: seconds, or a date in any of HTTP's forms that is still
// sent) as a time to wait from `now` on, at least 0 and at most kLongestWait; nullopt if it is neither.
std::optional<Nanoseconds> parse_retry_after(std::string_view text, Nanoseconds now);

// Seconds since the epoch of an HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT"); nullopt for anything else.
std::optional<std::int64_t> parse_http_date(std::string_view text);

// How long to wait before the n-th try again (from 1): doubling from half a second to 30 seconds, of which a
// random part in [1/2, 1] is taken, so that many clients do not come back at once. `random` is any number.
Nanoseconds backoff_delay(unsigned n, std::uint64_t random);

// Whether the status tells of a state that passes: 429, 502, 503, 504.
bool is_passing_status(int status);

}  // namespace agena::stage0
