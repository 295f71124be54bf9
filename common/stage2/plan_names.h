// Spellings of the plan's and the hub protocol's enumerations, shared by their codecs.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/json_node.h"
#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/stage2/hub_protocol.h"
#include "common/stage2/launch_plan.h"

namespace agena::stage2 {

template <class Enum>
struct NameRow {
  std::string_view name;
  Enum value;
};

inline constexpr std::array kRoleNames = {
    NameRow<Role>{"app", Role::kApp},
    NameRow<Role>{"health", Role::kHealth},
    NameRow<Role>{"post-stop", Role::kPostStop},
    NameRow<Role>{"pre-start", Role::kPreStart},
};
inline constexpr std::array kRootSwitchNames = {
    NameRow<RootSwitch>{"chroot", RootSwitch::kChroot},
    NameRow<RootSwitch>{"mount-namespace", RootSwitch::kMountNamespace},
    NameRow<RootSwitch>{"none", RootSwitch::kNone},
    NameRow<RootSwitch>{"pivot-root", RootSwitch::kPivotRoot},
};
inline constexpr std::array kStreamModeNames = {
    NameRow<StreamMode>{"hub", StreamMode::kHub},
    NameRow<StreamMode>{"inherit", StreamMode::kInherit},
    NameRow<StreamMode>{"null", StreamMode::kNull},
    NameRow<StreamMode>{"tty", StreamMode::kTty},
};
inline constexpr std::array kHubStreamNames = {
    NameRow<HubStream>{"stderr", HubStream::kStderr},
    NameRow<HubStream>{"stdin", HubStream::kStdin},
    NameRow<HubStream>{"stdout", HubStream::kStdout},
    NameRow<HubStream>{"tty", HubStream::kTty},
};
static_assert(sorted_by_name(kRoleNames) && sorted_by_name(kRootSwitchNames));
static_assert(sorted_by_name(kStreamModeNames) && sorted_by_name(kHubStreamNames));

// Spelling of an enumerator of one of the tables above; empty for a number that is none.
template <class Table, class Enum>
constexpr std::string_view name_in(const Table& table, Enum value) {
  const auto* row = find_by_value(table, value);
  return row == nullptr ? std::string_view() : row->name;
}

// The enumerator that a JSON string spells; complains about any other value.
template <class Enum, class Table>
std::optional<Enum> read_name(const JsonNode& node, const Table& table) {
  const auto text = node.as_string();
  if (!text) return std::nullopt;
  if (const auto* row = find_by_name(table, *text)) return row->value;
  std::string known;
  for (const auto& row : table) known += fmt::format("{}'{}'", known.empty() ? "" : ", ", row.name);
  node.complain(fmt::format("expected one of {}, found '{}'", known, printable(*text)));
  return std::nullopt;
}

}  // namespace agena::stage2
