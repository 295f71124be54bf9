// Capabilities(7): names, sets, and the calling thread's own sets by raw system calls.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::sys {

struct CapabilityRow {
  std::string_view name;  // "CAP_CHOWN"
  int value;              // bit number, linux/capability.h
};

// Every capability that this build knows, sorted by name.
std::span<const CapabilityRow> capability_table();
// Name of a bit, or empty for a bit newer than the table.
std::string_view capability_name(int capability);
// Bit number of "CAP_NET_RAW", any case; an unknown name is an error.
Result<int> parse_capability(std::string_view name);

// A set of capabilities, one bit each.
class CapabilitySet {
 public:
  constexpr CapabilitySet() = default;
  constexpr explicit CapabilitySet(std::uint64_t bits) : bits_(bits) {}

  // The set of these names; the first unknown one is an error.
  static Result<CapabilitySet> parse(const std::vector<std::string>& names);

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool contains(int capability) const { return (bits_ >> capability & 1U) != 0; }
  constexpr void add(int capability) { bits_ |= std::uint64_t{1} << capability; }
  constexpr void remove(int capability) { bits_ &= ~(std::uint64_t{1} << capability); }
  // Names in the order of the bits; a bit without a name is "CAP_<number>".
  std::vector<std::string> names() const;

  constexpr CapabilitySet operator&(CapabilitySet other) const { return CapabilitySet(bits_ & other.bits_); }
  constexpr CapabilitySet operator|(CapabilitySet other) const { return CapabilitySet(bits_ | other.bits_); }
  constexpr CapabilitySet without(CapabilitySet other) const { return CapabilitySet(bits_ & ~other.bits_); }
  constexpr bool operator==(const CapabilitySet&) const = default;

 private:
  std::uint64_t bits_ = 0;
};

// The three sets of capget(2).
struct ThreadCapabilities {
  CapabilitySet permitted;
  CapabilitySet effective;
  CapabilitySet inheritable;
};

// Sets of the calling thread (capget(2), capset(2)). Raising permitted is the kernel's EPERM.
Result<ThreadCapabilities> thread_capabilities();
Result<> set_thread_capabilities(const ThreadCapabilities& sets);

// Bounding set of the calling thread, all bits that the running kernel knows (PR_CAPBSET_READ).
Result<CapabilitySet> bounding_set();
// Drops every capability that is not in `keep` from the bounding set; needs CAP_SETPCAP if there is one to
// drop. Capabilities of `keep` that are already gone cannot come back and are not an error.
Result<> limit_bounding_set(CapabilitySet keep);
// Empties the ambient set.
Result<> clear_ambient_set();

}  // namespace agena::sys
