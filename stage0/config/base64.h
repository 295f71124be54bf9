// Base64 (RFC 4648 section 4), as credentials are written in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace agena::stage0 {

std::string base64_encode(std::string_view bytes);
// nullopt if the text is none; padding may be missing.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace agena::stage0
