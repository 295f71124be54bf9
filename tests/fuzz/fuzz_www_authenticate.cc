// WWW-Authenticate headers of foreign servers: never a crash, never more than the bounds, and what was read
// is read again from its own plain form.
#include "stage0/registry/www_authenticate.h"
#include "tests/fuzz/check.h"

namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage0;
  const std::vector<std::string> headers = {std::string(agena::fuzz::text_of(data, size))};
  const std::vector<AuthChallenge> challenges = parse_www_authenticate(headers);
  FUZZ_CHECK(challenges.size() <= 32);
  std::string plain;
  for (const AuthChallenge& challenge : challenges) {
    FUZZ_CHECK(!challenge.scheme.empty());
    FUZZ_CHECK(challenge.params.size() <= 64);
    plain += challenge.scheme;
    char separator = ' ';
    for (const auto& [name, value] : challenge.params) {
      plain += separator + name + "=" + quoted(value);
      separator = ',';
    }
    plain += ", ";
  }
  FUZZ_CHECK(parse_www_authenticate(std::vector<std::string>{plain}) == challenges);
  return 0;
}
