#include "common/stage2/process_limits.h"

#include <linux/capability.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/sys/caps.h"
#include "common/sys/fs.h"

namespace agena::stage2 {
namespace {

// The value of an isolator of this kind that counts, or nullptr.
template <class Value>
const Value* value_of(const schema::App& app, schema::IsolatorKind kind) {
  const schema::Isolator* isolator = schema::find_isolator(app.isolators, kind);
  return isolator == nullptr ? nullptr : std::get_if<Value>(&isolator->value);
}

Result<> add_limit(const schema::Rlimit& wanted, const LimitRights& rights, ProcessLimits& out) {
  static_assert(schema::Rlimit::kUnlimited == sys::kUnlimited);
  const int resource = TRY(sys::parse_short_resource(wanted.name));
  const std::uint64_t most =
      rights.privileged ? sys::kUnlimited : rights.hard.at(static_cast<std::size_t>(resource));
  if (wanted.hard > most)
    out.problems.push_back(
        fmt::format("limit {}={}:{} (raising the hard limit above {} needs CAP_SYS_RESOURCE)", wanted.name,
                    sys::limit_text(wanted.soft), sys::limit_text(wanted.hard), sys::limit_text(most)));
  out.limits.push_back(
      {.resource = resource, .soft = std::min(wanted.soft, most), .hard = std::min(wanted.hard, most)});
  return {};
}

void set_oom_score(int wanted, const LimitRights& rights, ProcessLimits& out) {
  if (rights.privileged || wanted >= rights.oom_score_adjust) {
    out.oom_score_adjust = wanted;
    return;
  }
  out.problems.push_back(fmt::format("OOM score adjustment {} (lowering it below {} needs CAP_SYS_RESOURCE)",
                                     wanted, rights.oom_score_adjust));
}

}  // namespace

Result<LimitRights> own_limit_rights() {
  LimitRights rights;
  rights.privileged = TRY(sys::thread_capabilities()).effective.contains(CAP_SYS_RESOURCE);
  for (const sys::ResourceRow& row : sys::resource_table())
    rights.hard.at(static_cast<std::size_t>(row.value)) = TRY(sys::resource_limit(row.value)).hard;
  const std::string score = TRY(sys::read_file(sys::at_cwd(), "/proc/self/oom_score_adj"));
  constexpr int kMost = 1000;
  rights.oom_score_adjust = static_cast<int>(TRY(parse_int(trim(score), -kMost, kMost)));
  return rights;
}

Result<ProcessLimits> process_limits(const schema::App& app, const LimitRights& rights) {
  ProcessLimits out;
  if (const auto* rlimits = value_of<schema::Rlimits>(app, schema::IsolatorKind::kRlimits))
    for (const schema::Rlimit& limit : rlimits->limits) TRY(add_limit(limit, rights, out));
  if (const auto* score = value_of<schema::OomScoreAdj>(app, schema::IsolatorKind::kOomScoreAdj))
    set_oom_score(static_cast<int>(score->score), rights, out);
  return out;
}

Result<ProcessLimits> process_limits(const schema::App& app, bool in_user_namespace) {
  const bool asked = schema::find_isolator(app.isolators, schema::IsolatorKind::kRlimits) != nullptr ||
                     schema::find_isolator(app.isolators, schema::IsolatorKind::kOomScoreAdj) != nullptr;
  if (!asked) return ProcessLimits{};
  LimitRights rights = TRY(own_limit_rights());
  if (in_user_namespace) rights.privileged = false;
  return process_limits(app, rights);
}

}  // namespace agena::stage2
