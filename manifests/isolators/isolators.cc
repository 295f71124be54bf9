#include "manifests/isolators/isolators.h"

#include <algorithm>
#include <array>

#include "common/base/table.h"
#include "manifests/isolators/isolator_json.h"
#include "manifests/isolators/values.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::isolators {

using json_text::Json;
using schema::Isolator;
using schema::IsolatorKind;
using schema::IsolatorValue;

namespace {

// One known isolator: how its value is read (complaining at the node) and written.
struct Row {
  std::string_view name;
  IsolatorKind value;
  std::optional<IsolatorValue> (*read)(const JsonNode& node);
  Json (*write)(const IsolatorValue& value);
};

constexpr std::string_view kRemoveWithin = "agena/seccomp-remove-set";
constexpr std::string_view kRetainWithin = "agena/seccomp-retain-set";

constexpr std::array kIsolators = {
    Row{"agena/block-io", IsolatorKind::kBlockIo, read_block_io, write_block_io},
    Row{"agena/pids-limit", IsolatorKind::kPidsLimit, read_pids_limit, write_pids_limit},
    Row{"agena/rlimits", IsolatorKind::kRlimits, read_rlimits, write_rlimits},
    Row{kRemoveWithin, IsolatorKind::kSeccompRemove, read_seccomp, write_seccomp},
    Row{kRetainWithin, IsolatorKind::kSeccompRetain, read_seccomp, write_seccomp},
    Row{"agena/shm-size", IsolatorKind::kShmSize, read_shm_size, write_shm_size},
    Row{"agena/sysctls", IsolatorKind::kSysctls, read_sysctls, write_sysctls},
    Row{"agena/tmpfs", IsolatorKind::kTmpfs, read_tmpfs, write_tmpfs},
    Row{"os/linux/apparmor-profile", IsolatorKind::kApparmorProfile, read_apparmor, write_apparmor},
    Row{"os/linux/capabilities-remove-set", IsolatorKind::kCapabilitiesRemove, read_capabilities,
        write_capabilities},
    Row{"os/linux/capabilities-retain-set", IsolatorKind::kCapabilitiesRetain, read_capabilities,
        write_capabilities},
    Row{"os/linux/cpu-shares", IsolatorKind::kCpuShares, read_cpu_shares, write_cpu_shares},
    Row{"os/linux/no-new-privileges", IsolatorKind::kNoNewPrivileges, read_no_new_privileges,
        write_no_new_privileges},
    Row{"os/linux/oom-score-adj", IsolatorKind::kOomScoreAdj, read_oom_score_adj, write_oom_score_adj},
    Row{"os/linux/seccomp-remove-set", IsolatorKind::kSeccompRemove, read_seccomp, write_seccomp},
    Row{"os/linux/seccomp-retain-set", IsolatorKind::kSeccompRetain, read_seccomp, write_seccomp},
    Row{"os/linux/selinux-context", IsolatorKind::kSelinuxContext, read_selinux, write_selinux},
    Row{"resource/block-bandwidth", IsolatorKind::kBlockBandwidth, read_default_resource, write_resource},
    Row{"resource/block-iops", IsolatorKind::kBlockIops, read_default_resource, write_resource},
    Row{"resource/cpu", IsolatorKind::kCpu, read_resource, write_resource},
    Row{"resource/memory", IsolatorKind::kMemory, read_resource, write_resource},
    Row{"resource/network-bandwidth", IsolatorKind::kNetworkBandwidth, read_default_resource, write_resource},
};
static_assert(sorted_by_name(kIsolators));

// The row whose name a kind has: of two with one kind that of appc's.
const Row* row_of(IsolatorKind kind) {
  const auto* row = std::ranges::find_if(kIsolators, [kind](const Row& one) {
    return one.value == kind && one.name != kRemoveWithin && one.name != kRetainWithin;
  });
  return row == kIsolators.end() ? nullptr : row;
}

// The value as compact text; what was parsed is UTF-8, so this fails only for values made by hand.
Result<std::string> value_text(const Json& value) { return json_text::dump(value); }

}  // namespace

IsolatorKind kind_of(std::string_view name) {
  const auto* row = find_by_name(kIsolators, name);
  return row == nullptr ? IsolatorKind::kUnknown : row->value;
}

std::string_view name_of(IsolatorKind kind) {
  const Row* row = row_of(kind);
  return row == nullptr ? std::string_view() : row->name;
}

std::optional<Isolator> read_isolator(const JsonNode& node) {
  json::ObjectReader object(node);
  const auto name_node = object.require("name");
  // An unknown isolator may have any value, null too.
  const bool has_value = object.has("value");
  const auto value_node = has_value ? object.find("value") : object.require("value");
  object.no_extra();  // "The listed objects must have two key-value pairs"
  auto name = name_node ? name_node->parsed(schema::AcIdentifier::parse) : std::nullopt;
  if (!name || !has_value) return std::nullopt;
  Isolator isolator{.name = *std::move(name)};
  if (const auto* row = find_by_name(kIsolators, isolator.name.str())) {
    isolator.kind = row->value;
    if (!value_node) node.complain(fmt::format("isolator '{}' has no value", row->name));
    auto value = value_node ? row->read(*value_node) : std::nullopt;
    if (!value) return std::nullopt;
    isolator.value = *std::move(value);
  }
  auto text = value_text(value_node ? value_node->raw() : Json());
  if (!text) {
    node.complain(text.error().to_string());
    return std::nullopt;
  }
  isolator.json = *std::move(text);
  return isolator;
}

std::vector<Isolator> read_isolators(const JsonNode& node) {
  std::vector<Isolator> isolators;
  node.each([&](const JsonNode& element) {
    if (auto isolator = read_isolator(element)) isolators.push_back(*std::move(isolator));
  });
  return isolators;
}

Result<Json> isolator_json(const Isolator& isolator) {
  json::ObjectWriter object;
  object.add("name", isolator.name.str());
  object.add("value", TRY_CTX(json_text::parse(isolator.json), "isolator '{}'", isolator.name.str()));
  return object.take();
}

Result<Isolator> make_isolator(IsolatorKind kind, const IsolatorValue& value) {
  const Row* row = row_of(kind);
  if (row == nullptr)
    return fail(ErrorKind::kInternal, "no isolator is known for kind {}", static_cast<int>(kind));
  const Json json = row->write(value);
  if (json.is_null())
    return fail(ErrorKind::kInternal, "isolator '{}' got a value of another kind", row->name);
  // The reader checks the rules, and its value is what others will see: quantities may change their notation.
  JsonProblems problems(fmt::format("isolator '{}'", row->name));
  auto again = row->read(JsonNode(json, problems));
  TRY(problems.to_result());
  if (!again) return fail(ErrorKind::kInternal, "isolator '{}': refused without a reason", row->name);
  return Isolator{TRY(schema::AcIdentifier::parse(row->name)), kind, TRY(value_text(json)),
                  *std::move(again)};
}

bool is_within_default(const Isolator& isolator) {
  return isolator.name == kRemoveWithin || isolator.name == kRetainWithin;
}

Result<Isolator> within_default(Isolator isolator) {
  const bool retain = isolator.kind == IsolatorKind::kSeccompRetain;
  if (!retain && isolator.kind != IsolatorKind::kSeccompRemove)
    return fail(ErrorKind::kInternal, "isolator '{}' has no calls", isolator.name.str());
  isolator.name = TRY(schema::AcIdentifier::parse(retain ? kRetainWithin : kRemoveWithin));
  return isolator;
}

Result<Isolator> parse_isolator(std::string_view text) {
  const Json root = TRY_CTX(json_text::parse(text), "isolator");
  JsonProblems problems("isolator");
  auto isolator = read_isolator(JsonNode(root, problems));
  TRY(problems.to_result());
  if (!isolator) return fail(ErrorKind::kInternal, "isolator: refused without a reason");
  return *std::move(isolator);
}

Result<std::string> write_isolator(const Isolator& isolator) {
  return json_text::dump(TRY(isolator_json(isolator)));
}

}  // namespace agena::isolators
