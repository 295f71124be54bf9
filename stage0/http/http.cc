#include "stage0/http/http.h"

#include <cstdlib>
#include <optional>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

Result<std::optional<std::uint64_t>> number_variable(const char* name, std::uint64_t max) {
  const char* text = ::secure_getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return TRY_CTX(parse_uint(text, max), "environment variable {}", name);
}

}  // namespace

std::string HttpHeaders::first(std::string_view name) const {
  for (const auto& [key, value] : all)
    if (key == name) return value;
  return {};
}

std::vector<std::string> HttpHeaders::each(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : all)
    if (key == name) values.push_back(value);
  return values;
}

Result<HttpSettings> http_settings_from_environment() {
  HttpSettings settings;
  if (const auto seconds = TRY(number_variable("AGENA_HTTP_TIMEOUT", 86'400)); seconds && *seconds > 0) {
    settings.connect_timeout = static_cast<Nanoseconds>(*seconds) * kSecond;
    settings.stall_timeout = settings.connect_timeout;
  }
  if (const auto retries = TRY(number_variable("AGENA_HTTP_RETRIES", 100)))
    settings.retries = static_cast<unsigned>(*retries);
  return settings;
}

}  // namespace agena::stage0
