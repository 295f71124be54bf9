#include "stage0/cli/launch_flags.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/flag_values.h"
#include "stage0/cli/trace_flags.h"

namespace agena::stage0 {
namespace {

// The global flag, of which only what counts at the start is kept.
constexpr std::string_view kInsecure = "insecure-options";
struct WaiverRow {
  std::string_view name;
  bool InsecureOptions::* member;
};
constexpr std::array kWaivers = {
    WaiverRow{"capabilities", &InsecureOptions::capabilities},
    WaiverRow{"limits", &InsecureOptions::limits},
    WaiverRow{"lsm", &InsecureOptions::lsm},
    WaiverRow{"paths", &InsecureOptions::paths},
    WaiverRow{"seccomp", &InsecureOptions::seccomp},
};

std::span<const OptionList> launch_lists() {
  const auto rows = command_rows();
  return std::ranges::find(rows, "run-prepared", [](const CommandRow& row) { return row.spec.name; })
      ->spec.options;
}

std::string text_of(std::string_view name, std::string_view value) {
  return fmt::format("{}={}", name, value);
}

std::string waived(const InsecureOptions& insecure) {
  std::vector<std::string> names;
  for (const WaiverRow& row : kWaivers)
    if (insecure.*row.member) names.emplace_back(row.name);
  return join(names, ",");
}

}  // namespace

std::vector<std::string> launch_flags(std::span<const OptionUse> uses, const InsecureOptions& insecure) {
  std::vector<std::string> texts;
  // A trace is of one start, not of the pod's.
  const auto kept = [](const OptionUse& use) {
    return find_option(launch_lists(), use.option->name) == use.option &&
           std::ranges::find(kTraceOptions, use.option) == kTraceOptions.end();
  };
  for (const OptionUse& use : uses)
    if (kept(use)) texts.push_back(text_of(use.option->name, use.value));
  if (const std::string names = waived(insecure); !names.empty()) texts.push_back(text_of(kInsecure, names));
  return texts;
}

Result<LaunchFlags> join_launch_flags(const std::vector<std::string>& kept, std::span<const OptionUse> uses,
                                      const InsecureOptions& insecure) {
  LaunchFlags flags{.texts = {}, .uses = {}, .insecure = insecure};
  for (const std::string& text : kept) {
    const Cut flag = cut(text, '=');
    if (flag.before == kInsecure) {
      TRY(add_insecure_options(flags.insecure, flag.after));
      continue;
    }
    const Option* option = find_option(launch_lists(), flag.before);
    if (option == nullptr)
      return fail(ErrorKind::kInvalidInput,
                  "the pod was started with the flag --{}, which is not known any more",
                  printable(flag.before));
    if (std::ranges::find(uses, option, &OptionUse::option) == uses.end())
      flags.uses.push_back({option, flag.after});
  }
  std::ranges::copy(uses, std::back_inserter(flags.uses));
  flags.texts = launch_flags(flags.uses, flags.insecure);
  return flags;
}

}  // namespace agena::stage0
