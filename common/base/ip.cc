#include "common/base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "common/base/strings.h"

namespace agena {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Byte `at` of a mask of this many leading one bits.
std::uint8_t mask_byte(unsigned length, std::size_t at) {
  const std::size_t before = at * 8U;
  if (length >= before + 8U) return 0xff;
  if (length <= before) return 0;
  return static_cast<std::uint8_t>(0xff00U >> (length - before));
}

IpAddress from(std::span<const std::uint8_t> bytes) {
  if (bytes.size() == 4) {
    std::array<std::uint8_t, 4> four{};
    std::ranges::copy(bytes, four.begin());
    return IpAddress::v4(four);
  }
  std::array<std::uint8_t, 16> sixteen{};
  std::ranges::copy(bytes, sixteen.begin());
  return IpAddress::v6(sixteen);
}

template <class Fn>
IpAddress map_bytes(const IpAddress& address, const Fn& fn) {
  std::array<std::uint8_t, 16> bytes{};
  const auto old = address.bytes();
  for (std::size_t i = 0; i < old.size(); ++i) bytes[i] = static_cast<std::uint8_t>(fn(old[i], i));
  return from({bytes.data(), old.size()});
}

}  // namespace

IpAddress IpAddress::v4(const std::array<std::uint8_t, 4>& bytes) {
  IpAddress address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin()))
    return v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  IpAddress address;
  address.bytes_ = bytes;
  address.v4_ = false;
  return address;
}

Result<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16)
    return fail(ErrorKind::kInvalidInput, "an IP address has 4 or 16 bytes, not {}", bytes.size());
  return from(bytes);
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  // The longest text is an IPv6 address with an IPv4 one at its end.
  if (text.size() < INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos) {
    const std::string copy(text);
    std::array<std::uint8_t, 4> four{};
    if (::inet_pton(AF_INET, copy.c_str(), four.data()) == 1) return v4(four);
    std::array<std::uint8_t, 16> sixteen{};
    if (::inet_pton(AF_INET6, copy.c_str(), sixteen.data()) == 1) return v6(sixteen);
  }
  return fail(ErrorKind::kInvalidInput, "'{}' is not an IP address", printable(utf8_prefix(text, 64)));
}

int IpAddress::family() const { return v4_ ? AF_INET : AF_INET6; }

bool IpAddress::is_loopback() const {
  if (v4_) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; }) && bytes_[15] == 1;
}

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(bytes_, [](auto b) { return b == 0; });
}

bool IpAddress::is_multicast() const { return v4_ ? (bytes_[0] & 0xf0U) == 0xe0 : bytes_[0] == 0xff; }

bool IpAddress::is_link_local() const {
  return v4_ ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80;
}

std::optional<IpAddress> IpAddress::next() const {
  IpAddress result = *this;
  for (std::size_t i = bits() / 8U; i-- > 0;)
    if (++result.bytes_[i] != 0) return result;
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::previous() const {
  IpAddress result = *this;
  for (std::size_t i = bits() / 8U; i-- > 0;)
    if (result.bytes_[i]-- != 0) return result;
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (v4_) return ::inet_ntop(AF_INET, bytes_.data(), text.data(), text.size());
  // The C library writes ::1.2.3.4 for addresses of the long gone ::/96; RFC 5952 leaves that to known
  // prefixes.
  if (std::all_of(bytes_.begin(), bytes_.begin() + 12, [](auto b) { return b == 0; })) {
    const unsigned high = (static_cast<unsigned>(bytes_[12]) << 8U) | bytes_[13];
    const unsigned low = (static_cast<unsigned>(bytes_[14]) << 8U) | bytes_[15];
    if (high != 0) return fmt::format("::{:x}:{:x}", high, low);
    return low == 0 ? "::" : fmt::format("::{:x}", low);
  }
  return ::inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const Cut parts = cut(text, '/');
  if (!parts.found)
    return fail(ErrorKind::kInvalidInput, "'{}' has no prefix length (as in 10.1.0.0/16)",
                printable(utf8_prefix(text, 64)));
  const IpAddress address = TRY(IpAddress::parse(parts.before));
  const auto length = parse_uint(parts.after, address.bits());
  if (!length)
    return fail(ErrorKind::kInvalidInput, "the prefix length of '{}' is not a number from 0 to {}",
                printable(utf8_prefix(text, 64)), address.bits());
  return IpPrefix{address, static_cast<unsigned>(*length)};
}

IpPrefix IpPrefix::everything(const IpAddress& of_version) { return IpPrefix{of_version, 0}.masked(); }

IpAddress IpPrefix::network() const {
  return map_bytes(address, [&](std::uint8_t b, std::size_t at) { return b & mask_byte(length, at); });
}

IpAddress IpPrefix::broadcast() const {
  return map_bytes(address,
                   [&](std::uint8_t b, std::size_t at) { return b | (0xffU & ~mask_byte(length, at)); });
}

IpAddress IpPrefix::mask() const {
  return map_bytes(address, [&](std::uint8_t, std::size_t at) { return mask_byte(length, at); });
}

bool IpPrefix::contains(const IpAddress& other) const {
  return address.is_v4() == other.is_v4() && IpPrefix{other, length}.network() == network();
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
  return contains(other.network()) || other.contains(network());
}

std::string IpPrefix::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

}  // namespace agena
