// Messages between the supervisor and the agent in a mutable pod that orders units from the pod's systemd
// (stage1/bus/manager): words in one SOCK_SEQPACKET message each. Both sides encode and decode here.
//
//   supervisor ── "7 start web.service" ─────────────▶ agent    verbs: start, stop, kill (with a signal's
//                                                               number at the end), reload (without a unit)
//   agent ── "7 ok", "7 error not-found some text" ──▶ supervisor, in any order
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::stage1 {

// Longest message of either side.
inline constexpr std::size_t kMaxManagerMessage = 4096;

enum class ManagerVerb { kStart, kStop, kKill, kReload };

struct ManagerOrder {
  std::uint64_t id = 0;
  ManagerVerb verb = ManagerVerb::kReload;
  std::string unit;  // none for reload
  int signal = 0;    // of kill
  bool operator==(const ManagerOrder&) const = default;
};

struct ManagerAnswer {
  std::uint64_t id = 0;
  Result<> result;
};

// "start", "stop", "kill", "reload".
std::string_view to_string(ManagerVerb verb);

// Message bytes. A text that is too long is cut.
std::string render_manager_order(const ManagerOrder& order);
std::string render_manager_answer(const ManagerAnswer& answer);
// The inverse; whatever was not rendered above is an error.
Result<ManagerOrder> parse_manager_order(std::string_view bytes);
Result<ManagerAnswer> parse_manager_answer(std::string_view bytes);

}  // namespace agena::stage1
