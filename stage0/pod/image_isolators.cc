#include "stage0/pod/image_isolators.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/app_defaults.h"
#include "common/seccomp/groups.h"
#include "common/sys/caps.h"
#include "common/sys/fs.h"
#include "common/sys/rlimit.h"
#include "manifests/isolators/isolators.h"
#include "stage0/fetch/signature_gate.h"
#include "stage0/pod/app_builder.h"

namespace agena::stage0 {
namespace {

using schema::Isolator;
using schema::IsolatorKind;

struct Narrowing {
  const AppRequest& app;
  const CallerLimits& caller;
  std::vector<std::string> warnings = {};

  void drop(const Isolator& isolator, const std::string& what, const std::string& flag) {
    warnings.push_back(
        fmt::format("isolator {} asks for {}, which an image does not get by itself ({} gives it)",
                    isolator.name.str(), what, flag));
  }
};

// What is left of an isolator, if anything.
using Left = std::optional<Isolator>;

Result<Left> narrow_retained_capabilities(const Isolator& isolator, Narrowing& narrowing) {
  if (narrowing.app.isolators.caps_retain || narrowing.app.isolators.caps_remove) return Left();
  const auto& names = std::get<schema::CapabilitySet>(isolator.value).names;
  const auto asked = sys::CapabilitySet::parse(names);
  if (!asked) return isolator;  // stage1 refuses it
  const sys::CapabilitySet standard = TRY(sys::CapabilitySet::parse(contract::default_capabilities()));
  const sys::CapabilitySet beyond = asked->without(standard);
  if (beyond.empty()) return isolator;
  narrowing.drop(isolator, join(beyond.names(), ", "), "--caps-retain=" + join(asked->names(), ","));
  const sys::CapabilitySet left = *asked & standard;
  // A set has at least one member.
  if (left.empty())
    return TRY(isolators::make_isolator(IsolatorKind::kCapabilitiesRemove,
                                        schema::CapabilitySet{contract::default_capabilities()}));
  return TRY(isolators::make_isolator(isolator.kind, schema::CapabilitySet{left.names()}));
}

Result<Left> narrow_retained_calls(const Isolator& isolator, Narrowing& narrowing) {
  if (narrowing.app.isolators.seccomp) return Left();
  const auto& set = std::get<schema::SeccompSet>(isolator.value);
  const auto beyond = seccomp::beyond_default(set.names);
  const std::string error = set.errno_name.empty() ? "" : "errno=" + set.errno_name + ",";
  if (!beyond.empty())
    narrowing.drop(isolator, join(beyond, ", "), "--seccomp=mode=retain," + error + join(set.names, ","));
  return TRY(isolators::within_default(isolator));
}

// All but some of the default list, instead of all but some.
Result<Left> narrow_removed_calls(const Isolator& isolator, Narrowing& narrowing) {
  if (narrowing.app.isolators.seccomp) return Left();
  return TRY(isolators::within_default(isolator));
}

Result<Left> drop_selinux_context(const Isolator& isolator, Narrowing& narrowing) {
  if (narrowing.app.isolators.selinux_context) return Left();
  const auto& context = std::get<schema::SelinuxContext>(isolator.value);
  const std::string text =
      printable(fmt::format("{}:{}:{}:{}", context.user, context.role, context.type, context.level));
  narrowing.drop(isolator, "'" + text + "'", "--selinux-context=" + text);
  return Left();
}

Result<Left> drop_apparmor_profile(const Isolator& isolator, Narrowing& narrowing) {
  if (narrowing.app.isolators.apparmor_profile) return Left();
  const std::string text = printable(std::get<schema::ApparmorProfile>(isolator.value).name);
  narrowing.drop(isolator, "'" + text + "'", "--apparmor-profile=" + text);
  return Left();
}

Result<Left> narrow_oom_score(const Isolator& isolator, Narrowing& narrowing) {
  if (narrowing.app.isolators.oom_score_adj) return Left();
  const std::int64_t score = std::get<schema::OomScoreAdj>(isolator.value).score;
  if (score >= narrowing.caller.oom_score_adjust) return isolator;
  narrowing.drop(isolator, fmt::format("{}", score), fmt::format("--oom-score-adj={}", score));
  return Left();
}

Result<Left> narrow_cpu_shares(const Isolator& isolator, Narrowing& narrowing) {
  if (narrowing.app.isolators.cpu_shares) return Left();
  const std::int64_t shares = std::get<schema::CpuShares>(isolator.value).shares;
  if (shares <= contract::kDefaultCpuShares) return isolator;
  narrowing.drop(isolator, fmt::format("{}", shares), fmt::format("--cpu-shares={}", shares));
  return Left();
}

bool has_flag(const AppRequest& app, const std::string& limit) {
  return std::ranges::any_of(app.resources.rlimits,
                             [&](const std::string& flag) { return flag.starts_with(limit + "="); });
}

Result<Left> narrow_rlimits(const Isolator& isolator, Narrowing& narrowing) {
  schema::Rlimits left;
  for (const schema::Rlimit& limit : std::get<schema::Rlimits>(isolator.value).limits) {
    if (has_flag(narrowing.app, limit.name)) continue;
    const auto most = narrowing.caller.hard.find(TRY(sys::parse_short_resource(limit.name)));
    if (most == narrowing.caller.hard.end() || limit.hard <= most->second) {
      left.limits.push_back(limit);
      continue;
    }
    const std::string text =
        fmt::format("{}={}:{}", limit.name, sys::limit_text(limit.soft), sys::limit_text(limit.hard));
    narrowing.drop(isolator, text, "--rlimit=" + text);
  }
  if (left.limits.empty()) return Left();
  return TRY(isolators::make_isolator(isolator.kind, std::move(left)));
}

struct Row {
  IsolatorKind kind;
  Result<Left> (*narrow)(const Isolator&, Narrowing&);
};
// Kinds that can widen; the others are limits, or lie in the app's own root.
constexpr std::array kRows = {
    Row{IsolatorKind::kCapabilitiesRetain, narrow_retained_capabilities},
    Row{IsolatorKind::kSeccompRetain, narrow_retained_calls},
    Row{IsolatorKind::kSeccompRemove, narrow_removed_calls},
    Row{IsolatorKind::kSelinuxContext, drop_selinux_context},
    Row{IsolatorKind::kApparmorProfile, drop_apparmor_profile},
    Row{IsolatorKind::kOomScoreAdj, narrow_oom_score},
    Row{IsolatorKind::kCpuShares, narrow_cpu_shares},
    Row{IsolatorKind::kRlimits, narrow_rlimits},
};

}  // namespace

Result<CallerLimits> caller_limits() {
  CallerLimits limits;
  for (const sys::ResourceRow& row : sys::resource_table())
    limits.hard[row.value] = TRY(sys::resource_limit(row.value)).hard;
  const std::string score = TRY(sys::read_file(sys::at_cwd(), "/proc/self/oom_score_adj"));
  limits.oom_score_adjust = TRY(parse_int(trim(score), INT64_MIN, INT64_MAX));
  return limits;
}

Result<NarrowedIsolators> narrow_isolators(const std::vector<Isolator>& isolators, const AppRequest& app,
                                           const CallerLimits& caller) {
  Narrowing narrowing{app, caller};
  NarrowedIsolators narrowed;
  for (const Isolator& isolator : isolators) {
    const auto* row = std::ranges::find(kRows, isolator.kind, &Row::kind);
    auto left = row == kRows.end() ? Left(isolator) : TRY(row->narrow(isolator, narrowing));
    if (left) narrowed.isolators.push_back(*std::move(left));
  }
  narrowed.warnings = std::move(narrowing.warnings);
  return narrowed;
}

bool isolators_count(const ImageRecord& image, const Engine& engine, const InsecureOptions& insecure) {
  return insecure.image_isolators || engine.fetch.local_signatures || is_trusted_image(image, engine.fetch);
}

Result<ImageRecord> with_allowed_isolators(ImageRecord image, const AppRequest& app, const Engine& engine,
                                           const InsecureOptions& insecure) {
  if (!image.manifest.app || image.manifest.app->isolators.empty()) return image;
  if (isolators_count(image, engine, insecure)) return image;
  auto narrowed = TRY(narrow_isolators(image.manifest.app->isolators, app, TRY(caller_limits())));
  image.manifest.app->isolators = std::move(narrowed.isolators);
  for (const std::string& warning : narrowed.warnings)
    log::warning("image \"{}\": {}", shown_image(image), warning);
  return image;
}

}  // namespace agena::stage0
