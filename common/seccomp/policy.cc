#include "common/seccomp/policy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>
#include <string_view>

#include "common/base/strings.h"
#include "common/seccomp/call_numbers.h"
#include "common/seccomp/groups.h"

namespace agena::seccomp {
namespace {

using CallNames = std::set<std::string, std::less<>>;

constexpr const char* kAll = "@appc.io/all";
constexpr const char* kEmpty = "@appc.io/empty";

// Without these no program starts, ends or comes back from a signal handler: every set that retains has them,
// as systemd's filters (and so rkt's) do.
constexpr const char* kNeededByAll = "@systemd/default-whitelist";

FilterSpec default_filter(std::uint64_t capabilities) {
  return {.rules = default_rules(capabilities), .otherwise = answer(EPERM), .newer = answer(ENOSYS)};
}

Result<> check_call(const std::string& name) {
  if (is_call(name)) return {};
  return fail(ErrorKind::kInvalidInput, "unknown system call '{}'", printable(name));
}

Result<const Group*> group_named(const std::string& name) {
  const Group* group = find_group(name);
  if (group != nullptr) return group;
  std::vector<std::string> known;
  for (const std::string_view one : group_names()) known.emplace_back(one);
  return fail(ErrorKind::kInvalidInput, "unknown group of system calls '{}' (there are {})", printable(name),
              join(known, ", "));
}

void add_calls(std::vector<Rule>& rules, const Group& group, Action action) {
  for (const std::string_view call : calls_of(group)) rules.push_back({std::string(call), action});
}

Result<FilterSpec> retain(const CallSet& set, Action otherwise, std::uint64_t capabilities) {
  // What libc tries first and has a fallback for must not kill the program: calls that are newer than the one
  // who wrote the set could know do not exist.
  FilterSpec spec{.rules = {}, .otherwise = otherwise, .newer = answer(ENOSYS)};
  std::vector<Rule> conditional;
  for (const std::string& name : set.names) {
    if (!name.starts_with('@')) {
      TRY(check_call(name));
      spec.rules.push_back({name, allow()});
      continue;
    }
    const Group* group = TRY(group_named(name));
    if (group->kind == GroupKind::kDefault)
      std::ranges::move(default_rules(capabilities), std::back_inserter(conditional));
    add_calls(spec.rules, *group, allow());
  }
  add_calls(spec.rules, *find_group(kNeededByAll), allow());
  // Behind the names that the user wrote, which allow a call whatever its arguments.
  std::ranges::move(conditional, std::back_inserter(spec.rules));
  return spec;
}

Result<FilterSpec> remove(const CallSet& set, Action action) {
  FilterSpec spec{.rules = {}, .otherwise = allow(), .newer = allow()};
  for (const std::string& name : set.names) {
    if (!name.starts_with('@')) {
      TRY(check_call(name));
      spec.rules.push_back({name, action});
      continue;
    }
    const Group* group = TRY(group_named(name));
    if (group->kind != GroupKind::kNames && group->kind != GroupKind::kEmpty)
      return fail(ErrorKind::kInvalidInput, "group '{}' cannot be removed: no program could start",
                  printable(name));
    add_calls(spec.rules, *group, action);
  }
  return spec;
}

// Calls that the set names, those of its groups included; nullopt: all calls.
Result<std::optional<CallNames>> calls_named(const CallSet& set) {
  CallNames named;
  bool all = false;
  for (const std::string& name : set.names) {
    if (!name.starts_with('@')) {
      TRY(check_call(name));
      named.insert(name);
      continue;
    }
    const Group* group = TRY(group_named(name));
    all = all || group->kind == GroupKind::kAll;
    for (const std::string_view call : calls_of(*group)) named.emplace(call);
    if (group->kind != GroupKind::kDefault) continue;
    for (const Rule& rule : default_rules(UINT64_MAX)) named.insert(rule.name);
  }
  if (all) return std::optional<CallNames>();
  return std::optional(std::move(named));
}

// The default list without what the set does not have. What the set has beyond the list is refused as the
// list does it, so that a program that lives with EPERM is not killed.
Result<FilterSpec> retain_of_default(const CallSet& set, Action action, std::uint64_t capabilities) {
  auto named = TRY(calls_named(set));
  if (!named) return default_filter(capabilities);
  for (const std::string_view call : calls_of(*find_group(kNeededByAll))) named->emplace(call);
  FilterSpec spec{.rules = default_rules(capabilities), .otherwise = action, .newer = answer(ENOSYS)};
  std::erase_if(spec.rules,
                [&](const Rule& rule) { return rule.action == allow() && !named->contains(rule.name); });
  for (const std::string& name : *named) spec.rules.push_back({name, answer(EPERM)});
  return spec;
}

Result<FilterSpec> remove_of_default(const CallSet& set, Action action, std::uint64_t capabilities) {
  FilterSpec spec = default_filter(capabilities);
  FilterSpec removed = TRY(remove(set, action));
  // The first rule that applies counts.
  spec.rules.insert(spec.rules.begin(), std::make_move_iterator(removed.rules.begin()),
                    std::make_move_iterator(removed.rules.end()));
  return spec;
}

bool only(const CallSet& set, const char* group) {
  return std::ranges::all_of(set.names, [group](const std::string& name) { return name == group; });
}

}  // namespace

Result<int> parse_errno(const std::string& name) {
  constexpr int kLast = 133;  // asm-generic/errno.h: EHWPOISON
  for (int number = 1; number <= kLast; ++number) {
    const char* known = ::strerrorname_np(number);
    if (known != nullptr && name == known) return number;
  }
  if (name == "EWOULDBLOCK") return EWOULDBLOCK;
  if (name == "EDEADLOCK") return EDEADLOCK;
  if (name == "ENOTSUP") return ENOTSUP;
  return fail(ErrorKind::kInvalidInput, "unknown errno '{}'", printable(name));
}

Result<std::optional<FilterSpec>> filter_for(const std::optional<CallSet>& set, std::uint64_t capabilities) {
  if (!set) return default_filter(capabilities);
  const Action action = set->errno_name.empty() ? kill_process() : answer(TRY(parse_errno(set->errno_name)));
  if (set->mode == Mode::kRemove) {
    if (only(*set, kEmpty)) {
      FilterSpec spec = default_filter(capabilities);
      if (!set->errno_name.empty()) spec.otherwise = action;
      return spec;
    }
    return set->within_default ? TRY(remove_of_default(*set, action, capabilities))
                               : TRY(remove(*set, action));
  }
  if (set->within_default) return TRY(retain_of_default(*set, action, capabilities));
  if (std::ranges::find(set->names, kAll) != set->names.end()) {
    // A typing error beside it is one all the same.
    for (const std::string& name : set->names) {
      if (name.starts_with('@'))
        (void)TRY(group_named(name));
      else
        TRY(check_call(name));
    }
    return std::optional<FilterSpec>();
  }
  return TRY(retain(*set, action, capabilities));
}

}  // namespace agena::seccomp
