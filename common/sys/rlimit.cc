#include "common/sys/rlimit.h"

#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"

namespace agena::sys {
namespace {

constexpr std::array kResources = {
    ResourceRow{"RLIMIT_AS", RLIMIT_AS},
    ResourceRow{"RLIMIT_CORE", RLIMIT_CORE},
    ResourceRow{"RLIMIT_CPU", RLIMIT_CPU},
    ResourceRow{"RLIMIT_DATA", RLIMIT_DATA},
    ResourceRow{"RLIMIT_FSIZE", RLIMIT_FSIZE},
    ResourceRow{"RLIMIT_LOCKS", RLIMIT_LOCKS},
    ResourceRow{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    ResourceRow{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    ResourceRow{"RLIMIT_NICE", RLIMIT_NICE},
    ResourceRow{"RLIMIT_NOFILE", RLIMIT_NOFILE},
    ResourceRow{"RLIMIT_NPROC", RLIMIT_NPROC},
    ResourceRow{"RLIMIT_RSS", RLIMIT_RSS},
    ResourceRow{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    ResourceRow{"RLIMIT_RTTIME", RLIMIT_RTTIME},
    ResourceRow{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    ResourceRow{"RLIMIT_STACK", RLIMIT_STACK},
};
static_assert(sorted_by_name(kResources));
static_assert(kResources.size() == RLIMIT_NLIMITS);

// glibc's C++ headers type the resource as an enum of its own.
__rlimit_resource as_resource(int resource) { return static_cast<__rlimit_resource>(resource); }

}  // namespace

std::span<const ResourceRow> resource_table() { return kResources; }

std::string_view resource_name(int resource) {
  const ResourceRow* row = find_by_value(kResources, resource);
  return row == nullptr ? std::string_view() : row->name;
}

Result<int> parse_resource(std::string_view name) {
  const ResourceRow* row = find_by_name(kResources, name);
  if (row == nullptr) return fail(ErrorKind::kInvalidInput, "unknown resource limit '{}'", printable(name));
  return row->value;
}

Result<int> parse_short_resource(std::string_view name) {
  std::string full = "RLIMIT_";
  for (const char c : name) full += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : '?';
  const ResourceRow* row = find_by_name(kResources, full);
  if (row == nullptr)
    return fail(ErrorKind::kInvalidInput, "unknown resource limit '{}' (nofile, nproc, core, …)",
                printable(name));
  return row->value;
}

std::string limit_text(std::uint64_t value) {
  return value == kUnlimited ? "unlimited" : fmt::format("{}", value);
}

Result<ResourceLimit> resource_limit(int resource) {
  rlimit limit{};
  if (::getrlimit(as_resource(resource), &limit) != 0)
    return sys_fail("reading resource limit {}", resource_name(resource));
  return ResourceLimit{.resource = resource, .soft = limit.rlim_cur, .hard = limit.rlim_max};
}

Result<> set_resource_limit(const ResourceLimit& limit) {
  const rlimit value{.rlim_cur = limit.soft, .rlim_max = limit.hard};
  if (::setrlimit(as_resource(limit.resource), &value) != 0)
    return sys_fail("setting {} to {}:{}", resource_name(limit.resource), limit_text(limit.soft),
                    limit_text(limit.hard));
  return {};
}

RaisedFileLimit::RaisedFileLimit() {
  const auto limit = resource_limit(RLIMIT_NOFILE);
  if (!limit || limit->soft == limit->hard) return;
  // Cannot fail: the hard limit may always be reached.
  if (set_resource_limit({.resource = RLIMIT_NOFILE, .soft = limit->hard, .hard = limit->hard}))
    before_ = *limit;
}

RaisedFileLimit::~RaisedFileLimit() {
  // Open files beyond the limit stay open.
  if (before_) (void)set_resource_limit(*before_);
}

}  // namespace agena::sys
