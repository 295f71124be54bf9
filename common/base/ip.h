// IP addresses and prefixes of both versions, as values: text, bytes, order and neighbours. No system calls.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena {

// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address (::ffff:A.B.C.D) is taken as the IPv4 address that it
// stands for. All IPv4 addresses are ordered before all IPv6 ones.
class IpAddress {
 public:
  // 0.0.0.0.
  IpAddress() = default;
  // "10.1.2.3" (four decimal numbers without leading zeros) or any spelling of RFC 4291; no zone, no prefix.
  static Result<IpAddress> parse(std::string_view text);
  // From 4 or 16 bytes in network order; another number is kInvalidInput.
  static Result<IpAddress> from_bytes(std::span<const std::uint8_t> bytes);
  static IpAddress v4(const std::array<std::uint8_t, 4>& bytes);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);

  bool is_v4() const { return v4_; }
  bool is_v6() const { return !v4_; }
  // AF_INET or AF_INET6.
  int family() const;
  // 32 or 128.
  unsigned bits() const { return v4_ ? 32 : 128; }
  // 4 or 16 bytes in network order, owned by this value.
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), bits() / 8U}; }

  // 127.0.0.0/8 or ::1.
  bool is_loopback() const;
  // 0.0.0.0 or ::.
  bool is_unspecified() const;
  // 224.0.0.0/4 or ff00::/8.
  bool is_multicast() const;
  // 169.254.0.0/16 or fe80::/10.
  bool is_link_local() const;

  // The neighbours in number; nullopt behind the last and before the first of the version.
  std::optional<IpAddress> next() const;
  std::optional<IpAddress> previous() const;

  // "10.1.2.3"; IPv6 as RFC 5952 has it.
  std::string to_string() const;

  auto operator<=>(const IpAddress& other) const {
    if (v4_ != other.v4_) return v4_ ? std::strong_ordering::less : std::strong_ordering::greater;
    return bytes_ <=> other.bytes_;
  }
  bool operator==(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};  // IPv4: the first four, the others are 0
  bool v4_ = true;
};

// An address with the length of its network's prefix: an interface's address, or a network when all bits
// behind the prefix are 0.
struct IpPrefix {
  IpAddress address;
  unsigned length = 0;  // 0 to address.bits()

  // "10.1.2.3/24": the address stays as it is written; a length that the version does not have is an error.
  static Result<IpPrefix> parse(std::string_view text);
  // The whole of the version's addresses: "0.0.0.0/0" or "::/0".
  static IpPrefix everything(const IpAddress& of_version);
  // This one address: "/32" or "/128".
  static IpPrefix host(const IpAddress& address) { return {address, address.bits()}; }

  // First address of the network.
  IpAddress network() const;
  // Last address of the network: the broadcast address of an IPv4 one.
  IpAddress broadcast() const;
  // The mask as an address: "255.255.255.0".
  IpAddress mask() const;
  // The same prefix without the bits behind it: 10.1.2.3/24 becomes 10.1.2.0/24.
  IpPrefix masked() const { return {network(), length}; }
  // Whether the address is of the same version and within the network.
  bool contains(const IpAddress& other) const;
  bool overlaps(const IpPrefix& other) const;
  // "10.1.2.3/24".
  std::string to_string() const;

  bool operator==(const IpPrefix&) const = default;
};

}  // namespace agena
