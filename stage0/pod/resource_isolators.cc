#include "stage0/pod/resource_isolators.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/sys/rlimit.h"
#include "manifests/isolators/isolators.h"
#include "manifests/schema/app.h"
#include "stage0/pod/isolator_flags.h"

namespace agena::stage0 {
namespace {

using schema::IsolatorKind;
using Isolators = std::vector<schema::Isolator>;

// The value of an app's isolator of this kind that counts, or an empty one.
template <class Value>
Value value_of(const Isolators& isolators, IsolatorKind kind) {
  const schema::Isolator* isolator = schema::find_isolator(isolators, kind);
  const Value* value = isolator == nullptr ? nullptr : std::get_if<Value>(&isolator->value);
  return value == nullptr ? Value() : *value;
}

Result<> replace(Isolators& isolators, IsolatorKind kind, schema::IsolatorValue value) {
  std::erase_if(isolators, [kind](const schema::Isolator& isolator) { return isolator.kind == kind; });
  isolators.push_back(TRY(isolators::make_isolator(kind, value)));
  return {};
}

Result<std::uint64_t> parse_limit(std::string_view text) {
  for (const std::string_view unlimited : {"unlimited", "infinity", "-1"})
    if (text == unlimited) return schema::Rlimit::kUnlimited;
  return static_cast<std::uint64_t>(TRY(parse_int(text, 0, INT64_MAX)));
}

// "NAME=SOFT[:HARD]"; without HARD both are SOFT.
Result<schema::Rlimit> parse_rlimit(std::string_view text) {
  const Cut assignment = cut(text, '=');
  if (!assignment.found)
    return fail(ErrorKind::kInvalidInput, "expected NAME=SOFT[:HARD], found '{}'", printable(text));
  TRY(sys::parse_short_resource(assignment.before));
  const Cut limits = cut(assignment.after, ':');
  schema::Rlimit limit{.name = std::string(assignment.before), .soft = TRY(parse_limit(limits.before))};
  limit.hard = limits.found ? TRY(parse_limit(limits.after)) : limit.soft;
  if (limit.soft > limit.hard)
    return fail(ErrorKind::kInvalidInput, "'{}': the soft limit is above the hard one", printable(text));
  return limit;
}

Result<> add_rlimits(const ResourceFlags& flags, Isolators& isolators) {
  if (flags.rlimits.empty()) return {};
  auto value = value_of<schema::Rlimits>(isolators, IsolatorKind::kRlimits);
  for (const std::string& text : flags.rlimits) {
    schema::Rlimit limit = TRY_CTX(parse_rlimit(text), "--rlimit");
    std::erase_if(value.limits, [&](const schema::Rlimit& other) { return other.name == limit.name; });
    value.limits.push_back(std::move(limit));
  }
  return replace(isolators, IsolatorKind::kRlimits, std::move(value));
}

struct RateRow {
  std::string_view name;
  DeviceRateFlag::Kind value;
  std::optional<std::int64_t> schema::BlockDeviceLimit::* member;
};
constexpr std::array kRates = {
    RateRow{"device-read-bps", DeviceRateFlag::Kind::kReadBps, &schema::BlockDeviceLimit::read_bps},
    RateRow{"device-write-bps", DeviceRateFlag::Kind::kWriteBps, &schema::BlockDeviceLimit::write_bps},
    RateRow{"device-read-iops", DeviceRateFlag::Kind::kReadIops, &schema::BlockDeviceLimit::read_iops},
    RateRow{"device-write-iops", DeviceRateFlag::Kind::kWriteIops, &schema::BlockDeviceLimit::write_iops},
};

// "PATH:RATE"; the rate is a quantity ("1M", "500").
Result<> add_rate(const std::string& text, const RateRow& row, schema::BlockIo& block) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || !text.starts_with('/'))
    return fail(ErrorKind::kInvalidInput, "expected /PATH:RATE, found '{}'", printable(text));
  const std::string device = text.substr(0, colon);
  const std::int64_t rate = TRY(schema::Quantity::parse(text.substr(colon + 1))).value();
  if (rate < 1) return fail(ErrorKind::kInvalidInput, "the rate in '{}' is not positive", printable(text));
  auto found = std::ranges::find(block.devices, device, &schema::BlockDeviceLimit::device);
  if (found == block.devices.end()) found = block.devices.insert(found, {.device = device});
  (*found).*row.member = rate;
  return {};
}

Result<> add_device_rates(const ResourceFlags& flags, Isolators& isolators) {
  if (flags.device_rates.empty()) return {};
  auto block = value_of<schema::BlockIo>(isolators, IsolatorKind::kBlockIo);
  for (const DeviceRateFlag& flag : flags.device_rates) {
    const RateRow& row = row_for(kRates, flag.kind);
    TRY_CTX(add_rate(flag.text, row, block), "--{}", row.name);
  }
  return replace(isolators, IsolatorKind::kBlockIo, std::move(block));
}

Result<> set_pids_limit(const std::optional<std::string>& text, Isolators& isolators) {
  if (!text) return {};
  return replace(isolators, IsolatorKind::kPidsLimit,
                 schema::PidsLimit{TRY(parse_int(*text, INT64_MIN, INT64_MAX))});
}

}  // namespace

Result<> apply_resource_flags(const ResourceFlags& flags, Isolators& isolators) {
  TRY(add_rlimits(flags, isolators));
  TRY(add_device_rates(flags, isolators));
  TRY_CTX(set_pids_limit(flags.pids_limit, isolators), "--pids-limit");
  return {};
}

Result<Isolators> pod_isolators(const PodResourceFlags& flags) {
  Isolators isolators;
  if (flags.memory) isolators.push_back(TRY_CTX(memory_isolator(*flags.memory), "--pod-memory"));
  if (flags.cpu) isolators.push_back(TRY_CTX(cpu_isolator(*flags.cpu), "--pod-cpu"));
  TRY_CTX(set_pids_limit(flags.pids_limit, isolators), "--pod-pids-limit");
  return isolators;
}

}  // namespace agena::stage0
