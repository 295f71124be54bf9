#include "stage0/image/platform.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

// uname(2)'s names of machines in Go's terms.
struct Machine {
  std::string_view machine;
  std::string_view arch;
  std::string_view variant;
};
constexpr std::array kMachines = {
    Machine{.machine = "x86_64", .arch = "amd64", .variant = ""},
    Machine{.machine = "aarch64", .arch = "arm64", .variant = "v8"},
    Machine{.machine = "i386", .arch = "386", .variant = ""},
    Machine{.machine = "i486", .arch = "386", .variant = ""},
    Machine{.machine = "i586", .arch = "386", .variant = ""},
    Machine{.machine = "i686", .arch = "386", .variant = ""},
    Machine{.machine = "armv5tel", .arch = "arm", .variant = "v5"},
    Machine{.machine = "armv6l", .arch = "arm", .variant = "v6"},
    Machine{.machine = "armv7l", .arch = "arm", .variant = "v7"},
    Machine{.machine = "armv8l", .arch = "arm", .variant = "v8"},
    Machine{.machine = "loongarch64", .arch = "loong64", .variant = ""},
    Machine{.machine = "ppc64", .arch = "ppc64", .variant = ""},
    Machine{.machine = "ppc64le", .arch = "ppc64le", .variant = ""},
    Machine{.machine = "riscv64", .arch = "riscv64", .variant = ""},
    Machine{.machine = "s390x", .arch = "s390x", .variant = ""},
};

// Number of a variant "v7"; 0 if it has none.
int variant_number(std::string_view variant) {
  int number = 0;
  if (variant.starts_with('v'))
    (void)std::from_chars(variant.data() + 1, variant.data() + variant.size(), number);
  return number;
}

// Variant that is meant when an image names none (image-index.md leaves it open; these are containerd's).
std::string_view default_variant(std::string_view arch) {
  if (arch == "arm64") return "v8";
  if (arch == "arm") return "v7";
  if (arch == "amd64") return "v1";
  return "";
}

constexpr int kExactRank = 1000;

}  // namespace

Platform host_platform() {
  utsname name{};
  (void)::uname(&name);
  const std::string_view machine(name.machine);
  for (const Machine& row : kMachines)
    if (row.machine == machine)
      return {.os = "linux", .arch = std::string(row.arch), .variant = std::string(row.variant)};
  return {.os = "linux", .arch = std::string(machine), .variant = {}};
}

std::string to_string(const Platform& platform) {
  std::string text = platform.os + "/" + platform.arch;
  if (!platform.variant.empty()) text += "/" + platform.variant;
  return text;
}

Result<Platform> parse_platform(std::string_view text) {
  const auto is_part = [](const std::string& part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
  };
  std::vector<std::string> parts = split(text, '/');
  if (parts.size() < 2 || parts.size() > 3 || !std::ranges::all_of(parts, is_part))
    return fail(ErrorKind::kInvalidInput, "'{}' is not a platform (as linux/amd64 or linux/arm/v7)",
                printable(text));
  parts.resize(3);
  return Platform{.os = parts[0], .arch = parts[1], .variant = parts[2]};
}

int platform_rank(const Platform& wanted, const Platform& offered) {
  if (wanted.os != offered.os || wanted.arch != offered.arch) return 0;
  const std::string_view fallback = default_variant(wanted.arch);
  const std::string_view want = wanted.variant.empty() ? fallback : std::string_view(wanted.variant);
  const std::string_view have = offered.variant.empty() ? fallback : std::string_view(offered.variant);
  if (want == have) return kExactRank;
  // A processor runs what was built for older ones of its line.
  const int want_number = variant_number(want);
  const int have_number = variant_number(have);
  if (want_number == 0 || have_number == 0 || have_number > want_number) return 0;
  return have_number;
}

}  // namespace agena::stage0
