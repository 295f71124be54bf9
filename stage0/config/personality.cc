#include "stage0/config/personality.h"

#include <array>

#include "common/base/table.h"

namespace agena::stage0 {
namespace {

constexpr std::array kPersonalities = {
    Personality{.name = "agena",
                .data_dir = "/var/lib/agena",
                .local_config_dir = "/etc/agena",
                .system_config_dir = "/usr/lib/agena",
                .run_dir = "/run/agena",
                .group = "agena",
                .rkt_version = ""},
    Personality{.name = "rkt",
                .data_dir = "/var/lib/rkt",
                .local_config_dir = "/etc/rkt",
                .system_config_dir = "/usr/lib/rkt",
                .run_dir = "/run/rkt",
                .group = "rkt",
                // The last release of rkt; its drivers demand at least 1.27.0.
                .rkt_version = "1.30.0",
                .local_signatures = true},
};
static_assert(sorted_by_name(kPersonalities));

}  // namespace

std::span<const Personality> personalities() { return kPersonalities; }

const Personality& personality_for(std::string_view program) {
  const Personality* row = find_by_name(kPersonalities, program.substr(program.rfind('/') + 1));
  return row != nullptr ? *row : kPersonalities.front();
}

}  // namespace agena::stage0
