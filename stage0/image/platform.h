// Platforms of images in OCI's terms (Go's GOOS and GOARCH), and which of several suits this host.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::stage0 {

struct Platform {
  std::string os;       // "linux"
  std::string arch;     // "amd64"
  std::string variant;  // "v8", or empty
  bool operator==(const Platform&) const = default;
};

// This machine's: from uname(2).
Platform host_platform();
// Spelling of a platform for messages: "linux/arm64/v8".
std::string to_string(const Platform& platform);
// Reads such a spelling: two or three parts, lower-case letters and digits. kInvalidInput otherwise.
Result<Platform> parse_platform(std::string_view text);
// How well an image's platform suits the wanted one: 0 not at all, higher is better (an exact variant before
// an older one before none; image-spec image-index.md leaves the choice to us).
int platform_rank(const Platform& wanted, const Platform& offered);

}  // namespace agena::stage0
