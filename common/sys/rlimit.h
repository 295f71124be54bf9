// Resource limits (getrlimit(2)): names and values.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::sys {

// Value that means "no limit", RLIM_INFINITY.
inline constexpr std::uint64_t kUnlimited = RLIM_INFINITY;

struct ResourceRow {
  std::string_view name;  // "RLIMIT_NOFILE"
  int value;              // RLIMIT_NOFILE
};

// Every resource of Linux, sorted by name.
std::span<const ResourceRow> resource_table();
// Name of a resource, or empty if there is no such.
std::string_view resource_name(int resource);
// RLIMIT_ constant of "RLIMIT_NOFILE"; an unknown name is an error.
Result<int> parse_resource(std::string_view name);
// The same for the short name that manifests and flags use: "nofile".
Result<int> parse_short_resource(std::string_view name);

// One limit; units as in setrlimit(2).
struct ResourceLimit {
  int resource = 0;
  std::uint64_t soft = kUnlimited;
  std::uint64_t hard = kUnlimited;
  bool operator==(const ResourceLimit&) const = default;
};

// "1024" or "unlimited".
std::string limit_text(std::uint64_t value);

// Limit of the calling process.
Result<ResourceLimit> resource_limit(int resource);
// Sets a limit of the calling process; raising a hard limit needs CAP_SYS_RESOURCE.
Result<> set_resource_limit(const ResourceLimit& limit);

// As many open files as the hard limit allows, for as long as the object lives. Service managers give 1024
// (systemd: DefaultLimitNOFILE=), since select(2) cannot count further.
class RaisedFileLimit {
 public:
  RaisedFileLimit();
  RaisedFileLimit(const RaisedFileLimit&) = delete;
  RaisedFileLimit& operator=(const RaisedFileLimit&) = delete;
  ~RaisedFileLimit();

 private:
  std::optional<ResourceLimit> before_;
};

}  // namespace agena::sys
