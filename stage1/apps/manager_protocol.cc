#include "stage1/apps/manager_protocol.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

// NAME_MAX: a unit is a file.
constexpr std::size_t kMaxUnit = 255;
constexpr int kMaxSignal = 64;
// Leaves room for the words before it.
constexpr std::size_t kMaxText = kMaxManagerMessage - 64;

struct VerbRow {
  std::string_view name;
  ManagerVerb verb;
  std::size_t words;  // after the verb
};
constexpr std::array kVerbs = {
    VerbRow{"start", ManagerVerb::kStart, 1},
    VerbRow{"stop", ManagerVerb::kStop, 1},
    VerbRow{"kill", ManagerVerb::kKill, 2},
    VerbRow{"reload", ManagerVerb::kReload, 0},
};

constexpr std::array kKinds = {
    ErrorKind::kInvalidInput, ErrorKind::kNotFound,    ErrorKind::kAlreadyExists, ErrorKind::kBusy,
    ErrorKind::kPermission,   ErrorKind::kUnsupported, ErrorKind::kVerification,  ErrorKind::kNetwork,
    ErrorKind::kSystem,       ErrorKind::kInternal,
};

std::unexpected<Error> malformed(std::string_view bytes) {
  return fail(ErrorKind::kInvalidInput, "malformed message '{}' between supervisor and agent",
              printable(utf8_prefix(bytes, kMaxUnit)));
}

bool is_unit(std::string_view name) {
  return !name.empty() && name.size() <= kMaxUnit &&
         std::ranges::all_of(name, [](unsigned char c) { return c > ' ' && c != '/'; });
}

}  // namespace

std::string_view to_string(ManagerVerb verb) { return std::ranges::find(kVerbs, verb, &VerbRow::verb)->name; }

std::string render_manager_order(const ManagerOrder& order) {
  std::string text = fmt::format("{} {}", order.id, to_string(order.verb));
  if (order.verb != ManagerVerb::kReload) text += " " + order.unit;
  if (order.verb == ManagerVerb::kKill) text += fmt::format(" {}", order.signal);
  return text;
}

Result<ManagerOrder> parse_manager_order(std::string_view bytes) {
  if (bytes.size() > kMaxManagerMessage) return malformed(bytes);
  const std::vector<std::string> words = split(bytes, ' ');
  if (words.size() < 2) return malformed(bytes);
  const auto row = std::ranges::find(kVerbs, words[1], &VerbRow::name);
  const auto id = parse_uint(words[0]);
  if (!id || row == kVerbs.end() || words.size() != row->words + 2) return malformed(bytes);
  ManagerOrder order{.id = *id, .verb = row->verb, .unit = {}, .signal = 0};
  if (row->words >= 1) {
    if (!is_unit(words[2])) return malformed(bytes);
    order.unit = words[2];
  }
  if (row->words == 2) {
    const auto signal = parse_int(words[3], 1, kMaxSignal);
    if (!signal) return malformed(bytes);
    order.signal = static_cast<int>(*signal);
  }
  return order;
}

std::string render_manager_answer(const ManagerAnswer& answer) {
  if (answer.result) return fmt::format("{} ok", answer.id);
  const Error& error = answer.result.error();
  return fmt::format("{} error {} {}", answer.id, to_string(error.kind()),
                     utf8_prefix(error.to_string(), kMaxText));
}

Result<ManagerAnswer> parse_manager_answer(std::string_view bytes) {
  const Cut number = cut(bytes, ' ');
  const auto id = parse_uint(number.before);
  if (!id || bytes.size() > kMaxManagerMessage) return malformed(bytes);
  if (number.after == "ok") return ManagerAnswer{*id, {}};
  const Cut word = cut(number.after, ' ');
  const Cut error = cut(word.after, ' ');
  const auto kind =
      std::ranges::find_if(kKinds, [&](ErrorKind one) { return error.before == to_string(one); });
  if (word.before != "error" || kind == kKinds.end()) return malformed(bytes);
  return ManagerAnswer{*id, fail(*kind, "{}", printable(error.after))};
}

}  // namespace agena::stage1
