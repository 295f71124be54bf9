// What an app says by sd_notify(3) is printable and on one line; a health check and a record of an app's life
// that are accepted are written back as they were read.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/contract/app_life_file.h"
#include "manifests/life/health_check.h"
#include "manifests/life/restart_policy.h"
#include "stage1/life/notify_state.h"
#include "tests/fuzz/check.h"

namespace {

void notify(std::string_view bytes) {
  const auto state = agena::stage1::parse_notify_state(bytes);
  if (state.status) FUZZ_CHECK(state.status->find_first_of("\n\x1b\x7f") == std::string::npos);
  if (state.extend_usec) FUZZ_CHECK(state.extend_usec->find_first_not_of("0123456789") == std::string::npos);
}

void documents(std::string_view bytes) {
  if (const auto settings = agena::life::parse_health_settings(bytes)) {
    const auto text = agena::life::render_health_settings(*settings);
    FUZZ_CHECK(text && agena::life::parse_health_settings(*text) == *settings);
    const auto check = agena::life::make_health_check(*settings);
    FUZZ_CHECK(!check || !*check || !(*check)->command.empty());
  }
  if (const auto status = agena::contract::parse_app_life(bytes)) {
    const auto text = agena::contract::render_app_life(*status);
    FUZZ_CHECK(text && agena::contract::parse_app_life(*text).has_value());
  }
  if (const auto policy = agena::life::parse_restart_policy(bytes))
    FUZZ_CHECK(agena::life::parse_restart_policy(to_string(*policy)) == *policy);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = agena::fuzz::text_of(data, size);
  notify(bytes);
  documents(bytes);
  return 0;
}
