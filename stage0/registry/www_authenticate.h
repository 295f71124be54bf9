// WWW-Authenticate headers (RFC 9110 11.6.1): every challenge of every header. Text in, values out.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agena::stage0 {

struct AuthChallenge {
  std::string scheme;                         // lower case: "bearer", "basic"
  std::map<std::string, std::string> params;  // names in lower case, values without quotes
  std::string param(const std::string& name) const;
  bool operator==(const AuthChallenge&) const = default;
};

// Reads as much as can be understood; what cannot is passed over. Values may be quoted (with commas and
// escaped quotes) or bare, even where the grammar wants quotes (URLs).
std::vector<AuthChallenge> parse_www_authenticate(std::span<const std::string> headers);

}  // namespace agena::stage0
