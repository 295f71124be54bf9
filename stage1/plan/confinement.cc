#include "stage1/plan/confinement.h"

#include <linux/capability.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/contract/app_defaults.h"
#include "common/seccomp/policy.h"
#include "common/sys/fs.h"
#include "manifests/isolators/isolators.h"

namespace agena::stage1 {
namespace {

using schema::IsolatorKind;

// Isolators that may be there once, all kinds of a row together.
struct Exclusive {
  IsolatorKind a;
  IsolatorKind b;
  const char* what;
};
constexpr Exclusive kCapabilityIsolators = {
    IsolatorKind::kCapabilitiesRetain, IsolatorKind::kCapabilitiesRemove,
    "isolators os/linux/capabilities-retain-set and -remove-set exclude each other, and are there once"};
constexpr Exclusive kSeccompIsolators = {
    IsolatorKind::kSeccompRetain, IsolatorKind::kSeccompRemove,
    "isolators os/linux/seccomp-retain-set and -remove-set exclude each other, and are there once"};

// The only isolator of two kinds, or nullptr.
Result<const schema::Isolator*> find_exclusive(const schema::App& app, const Exclusive& kinds) {
  const schema::Isolator* found = nullptr;
  for (const schema::Isolator& isolator : app.isolators) {
    if (isolator.kind != kinds.a && isolator.kind != kinds.b) continue;
    if (found != nullptr) return fail(ErrorKind::kInvalidInput, "{}", kinds.what);
    found = &isolator;
  }
  return found;
}

template <class Value>
const Value* value_of(const schema::App& app, IsolatorKind kind) {
  const schema::Isolator* isolator = schema::find_isolator(app.isolators, kind);
  return isolator == nullptr ? nullptr : std::get_if<Value>(&isolator->value);
}

// The first line of a file below a root; empty if it cannot be read.
std::string first_line(sys::DirRef root, const char* path) {
  const auto text = sys::read_file(root, path);
  return text ? std::string(cut(*text, '\n').before) : std::string();
}

bool has_file_system(sys::DirRef root, const char* name) {
  const auto text = sys::read_file(root, "proc/filesystems");
  return text && std::ranges::any_of(split(*text, '\n'), [name](const std::string& line) {
           return cut(line, '\t').after == name;
         });
}

// Bits of what the app may have: with the restriction waived, all.
std::uint64_t capability_bits(const stage2::LaunchPlan& plan) {
  return plan.bounding_set ? plan.bounding_set->bits() : UINT64_MAX;
}

// Whether the app was given what tracing others needs, or mounting, which a domain of Landlock cannot.
bool may_look_around(const stage2::LaunchPlan& plan) {
  const sys::CapabilitySet had(capability_bits(plan));
  return had.contains(CAP_SYS_PTRACE) || had.contains(CAP_SYS_ADMIN);
}

Result<std::string> seccomp_filter(const schema::App& app, std::uint64_t capabilities) {
  const schema::Isolator* isolator = TRY(find_exclusive(app, kSeccompIsolators));
  std::optional<seccomp::CallSet> set;
  if (isolator != nullptr) {
    const auto& value = std::get<schema::SeccompSet>(isolator->value);
    const bool retain = isolator->kind == IsolatorKind::kSeccompRetain;
    set = {retain ? seccomp::Mode::kRetain : seccomp::Mode::kRemove, value.names, value.errno_name,
           isolators::is_within_default(*isolator)};
  }
  const auto filter =
      TRY_CTX(seccomp::filter_for(set, capabilities), "{}",
              isolator == nullptr ? "system call filter" : "isolator " + isolator->name.str());
  return filter ? seccomp::compile(*filter) : Result<std::string>("");
}

}  // namespace

Result<sys::CapabilitySet> bounding_set(const schema::App& app) {
  const schema::Isolator* isolator = TRY(find_exclusive(app, kCapabilityIsolators));
  const sys::CapabilitySet standard = TRY(sys::CapabilitySet::parse(contract::default_capabilities()));
  if (isolator == nullptr) return standard;
  const auto set = TRY_CTX(sys::CapabilitySet::parse(std::get<schema::CapabilitySet>(isolator->value).names),
                           "isolator {}", isolator->name.str());
  return isolator->kind == IsolatorKind::kCapabilitiesRetain ? set : standard.without(set);
}

SecurityModules active_security_modules(sys::DirRef root) {
  // The file system is registered by an SELinux that is not switched off; AppArmor says it itself.
  return {.selinux = has_file_system(root, "selinuxfs"),
          .apparmor = first_line(root, "sys/module/apparmor/parameters/enabled") == "Y"};
}

Result<> add_security_labels(const schema::App& app, const SecurityModules& modules,
                             stage2::LaunchPlan& plan) {
  if (const auto* context = value_of<schema::SelinuxContext>(app, IsolatorKind::kSelinuxContext)) {
    if (!modules.selinux)
      return fail(ErrorKind::kUnsupported,
                  "isolator os/linux/selinux-context cannot be enforced: SELinux is not active on this host "
                  "(--insecure-options=lsm runs the app without it)");
    plan.selinux_context =
        fmt::format("{}:{}:{}:{}", context->user, context->role, context->type, context->level);
  }
  if (const auto* profile = value_of<schema::ApparmorProfile>(app, IsolatorKind::kApparmorProfile)) {
    if (!modules.apparmor)
      return fail(
          ErrorKind::kUnsupported,
          "isolator os/linux/apparmor-profile cannot be enforced: AppArmor is not active on this host "
          "(--insecure-options=lsm runs the app without it)");
    plan.apparmor_profile = profile->name;
  }
  return {};
}

Result<> confine(const schema::App& app, const Restrictions& restrictions, stage2::LaunchPlan& plan) {
  if (restrictions.capabilities) plan.bounding_set = TRY(bounding_set(app));
  plan.private_processes = !may_look_around(plan);
  const auto* flag = value_of<schema::NoNewPrivileges>(app, IsolatorKind::kNoNewPrivileges);
  plan.no_new_privileges = flag != nullptr && flag->enabled;
  if (restrictions.calls) plan.seccomp_filter = TRY(seccomp_filter(app, capability_bits(plan)));
  const bool labelled = schema::find_isolator(app.isolators, IsolatorKind::kSelinuxContext) != nullptr ||
                        schema::find_isolator(app.isolators, IsolatorKind::kApparmorProfile) != nullptr;
  if (!labelled || !restrictions.security_labels) return {};
  return add_security_labels(app, active_security_modules(TRY(sys::open_dir("/"))), plan);
}

}  // namespace agena::stage1
