#include "manifests/life/restart_policy.h"

#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"

namespace agena::life {
namespace {

using When = RestartPolicy::When;

struct WhenRow {
  std::string_view name;
  When value;
};
constexpr std::array kWhen = {
    WhenRow{"always", When::kAlways},
    WhenRow{"no", When::kNo},
    WhenRow{"on-failure", When::kOnFailure},
    WhenRow{"unless-stopped", When::kAlways},
};
static_assert(sorted_by_name(kWhen));

}  // namespace

Result<RestartPolicy> parse_restart_policy(std::string_view text) {
  const Cut parts = cut(text, ':');
  const WhenRow* row = find_by_name(kWhen, parts.before);
  if (row == nullptr || (parts.found && row->value != When::kOnFailure))
    return fail(ErrorKind::kInvalidInput, "no restart policy: '{}' (no, on-failure[:MAX] or always)",
                printable(text));
  RestartPolicy policy{.when = row->value};
  if (parts.found)
    policy.most = static_cast<std::uint32_t>(TRY_CTX(parse_uint(parts.after, UINT32_MAX), "most restarts"));
  return policy;
}

std::string to_string(const RestartPolicy& policy) {
  const std::string name(row_for(kWhen, policy.when).name);
  return policy.most ? fmt::format("{}:{}", name, *policy.most) : name;
}

}  // namespace agena::life
