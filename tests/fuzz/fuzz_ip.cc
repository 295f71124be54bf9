// Addresses and prefixes: their one spelling is the same value, neighbours undo each other, and a network
// contains what lies between its ends.
#include "common/base/ip.h"

#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using agena::IpAddress;
  using agena::IpPrefix;
  const auto text = agena::fuzz::text_of(data, size);
  if (const auto address = IpAddress::parse(text)) {
    FUZZ_CHECK(IpAddress::parse(address->to_string()).value() == *address);
    FUZZ_CHECK(IpAddress::from_bytes(address->bytes()).value() == *address);
    if (const auto next = address->next()) FUZZ_CHECK(next->previous() == *address && *address < *next);
  }
  const auto prefix = IpPrefix::parse(text);
  if (!prefix) return 0;
  FUZZ_CHECK(IpPrefix::parse(prefix->to_string()).value() == *prefix);
  FUZZ_CHECK(prefix->contains(prefix->network()) && prefix->contains(prefix->broadcast()));
  FUZZ_CHECK(prefix->contains(prefix->address) && prefix->masked().contains(prefix->address));
  FUZZ_CHECK(prefix->network() <= prefix->address && prefix->address <= prefix->broadcast());
  if (const auto before = prefix->network().previous()) FUZZ_CHECK(!prefix->contains(*before));
  if (const auto behind = prefix->broadcast().next()) FUZZ_CHECK(!prefix->contains(*behind));
  return 0;
}
