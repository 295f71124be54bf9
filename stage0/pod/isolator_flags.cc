#include "stage0/pod/isolator_flags.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>

#include "common/base/strings.h"
#include "common/sys/caps.h"
#include "manifests/isolators/isolators.h"

namespace agena::stage0 {
namespace {

using schema::IsolatorKind;
using Isolators = std::vector<schema::Isolator>;

// rkt's lower bound, one page: the kernel cannot run a program in less.
constexpr std::int64_t kMinMemory = 4096;
// The kernel's least quota, 1 ms, in the period of 100 ms that is used
// (Documentation/scheduler/sched-bwc.rst).
constexpr std::int64_t kMinCpuMillis = 10;

void erase_kinds(Isolators& isolators, std::initializer_list<IsolatorKind> kinds) {
  std::erase_if(isolators, [&](const schema::Isolator& isolator) {
    return std::ranges::find(kinds, isolator.kind) != kinds.end();
  });
}

Result<> append(Isolators& isolators, IsolatorKind kind, schema::IsolatorValue value) {
  isolators.push_back(TRY(isolators::make_isolator(kind, std::move(value))));
  return {};
}

// Request and limit alike.
Result<schema::Isolator> resource_isolator(IsolatorKind kind, const schema::Quantity& quantity) {
  schema::ResourceValue value;
  value.request = quantity;
  value.limit = quantity;
  return isolators::make_isolator(kind, std::move(value));
}

}  // namespace

Result<schema::Isolator> memory_isolator(const std::string& text) {
  const auto quantity = TRY(schema::Quantity::parse(text));
  if (quantity.value() < kMinMemory)
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              fmt::format("'{}' is less than the minimum of {} bytes", printable(text), kMinMemory))
            .with_hint("a number alone counts bytes: 64Mi are 64 mebibytes"));
  return resource_isolator(IsolatorKind::kMemory, quantity);
}

Result<schema::Isolator> cpu_isolator(const std::string& text) {
  const auto quantity = TRY(schema::Quantity::parse(text));
  if (TRY(quantity.milli_value()) < kMinCpuMillis)
    return fail(ErrorKind::kInvalidInput, "'{}' is less than the minimum of {}m cores", printable(text),
                kMinCpuMillis);
  return resource_isolator(IsolatorKind::kCpu, quantity);
}

namespace {

Result<> add_memory(const IsolatorFlags& flags, Isolators& isolators) {
  isolators.push_back(TRY(memory_isolator(*flags.memory)));
  return {};
}

Result<> add_cpu(const IsolatorFlags& flags, Isolators& isolators) {
  isolators.push_back(TRY(cpu_isolator(*flags.cpu)));
  return {};
}

Result<> set_cpu_shares(const IsolatorFlags& flags, Isolators& isolators) {
  const auto shares = TRY(parse_int(*flags.cpu_shares, INT64_MIN, INT64_MAX));
  erase_kinds(isolators, {IsolatorKind::kCpuShares});
  return append(isolators, IsolatorKind::kCpuShares, schema::CpuShares{shares});
}

Result<> set_oom_score_adj(const IsolatorFlags& flags, Isolators& isolators) {
  const auto score = TRY(parse_int(*flags.oom_score_adj, INT64_MIN, INT64_MAX));
  erase_kinds(isolators, {IsolatorKind::kOomScoreAdj});
  return append(isolators, IsolatorKind::kOomScoreAdj, schema::OomScoreAdj{score});
}

Result<> check_capability(const std::string& name) {
  const auto known = sys::parse_capability(name);
  if (known) return {};
  std::vector<std::string> names;
  for (const sys::CapabilityRow& row : sys::capability_table()) names.emplace_back(row.name);
  const std::string best = closest(name.starts_with("CAP_") ? name : "CAP_" + name, names);
  Error error = known.error();
  return std::unexpected(
      std::move(error).with_hint(best.empty() ? "capabilities(7) has their names, such as CAP_NET_ADMIN"
                                              : fmt::format("did you mean '{}'?", best)));
}

// Names are written in either case, as systemd takes them; manifests have them in capitals.
Result<> set_capabilities(Isolators& isolators, IsolatorKind kind, std::vector<std::string> names) {
  for (std::string& name : names) {
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    TRY(check_capability(name));
  }
  erase_kinds(isolators, {IsolatorKind::kCapabilitiesRetain, IsolatorKind::kCapabilitiesRemove});
  return append(isolators, kind, schema::CapabilitySet{std::move(names)});
}

Result<> set_caps_retain(const IsolatorFlags& flags, Isolators& isolators) {
  return set_capabilities(isolators, IsolatorKind::kCapabilitiesRetain, *flags.caps_retain);
}

Result<> set_caps_remove(const IsolatorFlags& flags, Isolators& isolators) {
  return set_capabilities(isolators, IsolatorKind::kCapabilitiesRemove, *flags.caps_remove);
}

// "mode=retain|remove[,errno=E],NAME,@GROUP".
Result<> set_seccomp(const IsolatorFlags& flags, Isolators& isolators) {
  schema::SeccompSet set;
  std::string mode;
  for (const std::string& part : split(*flags.seccomp, ',')) {
    const Cut pair = cut(part, '=');
    if (!pair.found)
      set.names.emplace_back(trim(part));
    else if (pair.before == "mode" && mode.empty())
      mode = pair.after;
    else if (pair.before == "errno" && set.errno_name.empty())
      set.errno_name = pair.after;
    else
      return fail(ErrorKind::kInvalidInput, "unknown or repeated setting '{}'", printable(part));
  }
  if (mode != "retain" && mode != "remove")
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              mode.empty() ? std::string("the mode is missing")
                           : fmt::format("the mode is retain or remove, not '{}'", printable(mode)))
            .with_hint("as in mode=retain,@docker/default-whitelist or mode=remove,ptrace,mount"));
  erase_kinds(isolators, {IsolatorKind::kSeccompRetain, IsolatorKind::kSeccompRemove});
  return append(isolators, mode == "retain" ? IsolatorKind::kSeccompRetain : IsolatorKind::kSeccompRemove,
                std::move(set));
}

Result<> set_no_new_privileges(const IsolatorFlags& flags, Isolators& isolators) {
  erase_kinds(isolators, {IsolatorKind::kNoNewPrivileges});
  return append(isolators, IsolatorKind::kNoNewPrivileges, schema::NoNewPrivileges{*flags.no_new_privileges});
}

// The level may have colons of its own ("s0:c1,c2").
Result<> set_selinux_context(const IsolatorFlags& flags, Isolators& isolators) {
  const Cut user = cut(*flags.selinux_context, ':');
  const Cut role = cut(user.after, ':');
  const Cut type = cut(role.after, ':');
  if (!type.found)
    return fail(ErrorKind::kInvalidInput, "'{}' is not a context of the form USER:ROLE:TYPE:LEVEL",
                printable(*flags.selinux_context));
  erase_kinds(isolators, {IsolatorKind::kSelinuxContext});
  return append(isolators, IsolatorKind::kSelinuxContext,
                schema::SelinuxContext{std::string(user.before), std::string(role.before),
                                       std::string(type.before), std::string(type.after)});
}

Result<> set_apparmor_profile(const IsolatorFlags& flags, Isolators& isolators) {
  erase_kinds(isolators, {IsolatorKind::kApparmorProfile});
  return append(isolators, IsolatorKind::kApparmorProfile, schema::ApparmorProfile{*flags.apparmor_profile});
}

using Apply = Result<> (*)(const IsolatorFlags&, Isolators&);
using Given = bool (*)(const IsolatorFlags&);
struct FlagRow {
  const char* name;
  Given given;
  Apply apply;
};

constexpr std::array kFlags = {
    FlagRow{"memory", [](const IsolatorFlags& f) { return f.memory.has_value(); }, add_memory},
    FlagRow{"cpu", [](const IsolatorFlags& f) { return f.cpu.has_value(); }, add_cpu},
    FlagRow{"cpu-shares", [](const IsolatorFlags& f) { return f.cpu_shares.has_value(); }, set_cpu_shares},
    FlagRow{"oom-score-adj", [](const IsolatorFlags& f) { return f.oom_score_adj.has_value(); },
            set_oom_score_adj},
    FlagRow{"caps-retain", [](const IsolatorFlags& f) { return f.caps_retain.has_value(); }, set_caps_retain},
    FlagRow{"caps-remove", [](const IsolatorFlags& f) { return f.caps_remove.has_value(); }, set_caps_remove},
    FlagRow{"seccomp", [](const IsolatorFlags& f) { return f.seccomp.has_value(); }, set_seccomp},
    FlagRow{"no-new-privileges", [](const IsolatorFlags& f) { return f.no_new_privileges.has_value(); },
            set_no_new_privileges},
    FlagRow{"selinux-context", [](const IsolatorFlags& f) { return f.selinux_context.has_value(); },
            set_selinux_context},
    FlagRow{"apparmor-profile", [](const IsolatorFlags& f) { return f.apparmor_profile.has_value(); },
            set_apparmor_profile},
};

}  // namespace

Result<> apply_isolator_flags(const IsolatorFlags& flags, std::vector<schema::Isolator>& isolators) {
  if (flags.caps_retain && flags.caps_remove)
    return fail(ErrorKind::kInvalidInput, "--caps-retain and --caps-remove exclude each other");
  for (const FlagRow& row : kFlags)
    if (row.given(flags)) TRY_CTX(row.apply(flags, isolators), "--{}", row.name);
  return {};
}

}  // namespace agena::stage0
