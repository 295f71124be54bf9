// Netlink: messages built attribute by attribute, sockets that send them and wait for the kernel's answers.
// Knows no protocol: rtnetlink.h is routes and interfaces; nf_tables builds its own messages on this.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// One message in the making: header, the protocol's fixed part, attributes. Lengths and padding are kept
// right at every step, so that bytes() may be sent at any time.
class NetlinkMessage {
 public:
  // NLM_F_REQUEST is added to the flags.
  explicit NetlinkMessage(std::uint16_t type, std::uint16_t flags = 0);

  // The protocol's fixed part (ifinfomsg, rtmsg, nfgenmsg…): once, before the first attribute.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  NetlinkMessage& fixed(const T& part) {
    append({reinterpret_cast<const char*>(&part), sizeof part});
    return *this;
  }

  // One attribute. Numbers are in the host's order, be16() to be64() in network order; text() ends with a
  // NUL.
  NetlinkMessage& attribute(std::uint16_t type, std::string_view bytes);
  NetlinkMessage& u8(std::uint16_t type, std::uint8_t value);
  NetlinkMessage& u16(std::uint16_t type, std::uint16_t value);
  NetlinkMessage& u32(std::uint16_t type, std::uint32_t value);
  NetlinkMessage& u64(std::uint16_t type, std::uint64_t value);
  NetlinkMessage& be16(std::uint16_t type, std::uint16_t value);
  NetlinkMessage& be32(std::uint16_t type, std::uint32_t value);
  NetlinkMessage& be64(std::uint16_t type, std::uint64_t value);
  NetlinkMessage& text(std::uint16_t type, std::string_view value);
  NetlinkMessage& address(std::uint16_t type, const IpAddress& value);
  // An attribute without a value.
  NetlinkMessage& flag(std::uint16_t type) { return attribute(type, {}); }
  // An attribute whose value is what `fill` adds. Its type is marked NLA_F_NESTED.
  NetlinkMessage& nest(std::uint16_t type, const std::function<void(NetlinkMessage&)>& fill);
  // Bytes as they are, padded to four: a second fixed part inside a nest (the peer of a veth pair).
  void append(std::string_view bytes);

  std::uint16_t type() const { return header().nlmsg_type; }
  std::uint16_t flags() const { return header().nlmsg_flags; }
  void add_flags(std::uint16_t flags);
  void set_sequence(std::uint32_t sequence);
  const std::string& bytes() const { return bytes_; }
  // Whether an attribute got more than the 65531 bytes that one can hold; the sockets refuse such a message.
  bool overfull() const { return overfull_; }

 private:
  nlmsghdr header() const;
  void set_length();
  std::string bytes_;
  bool overfull_ = false;
};

// The attributes of a received message (or of a nest), by type; the last one of a type counts. The bytes must
// outlive it.
class NetlinkAttributes {
 public:
  // Bytes that are no whole attribute any more are left out.
  explicit NetlinkAttributes(std::string_view bytes);

  bool has(std::uint16_t type) const { return attributes_.contains(type); }
  // Empty if it is not there.
  std::string_view bytes(std::uint16_t type) const;
  // The NUL at the end taken away.
  std::string text(std::uint16_t type) const;
  // nullopt if it is not there or has another size.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> number(std::uint16_t type) const {
    const std::string_view value = bytes(type);
    if (value.size() != sizeof(T)) return std::nullopt;
    T result;
    value.copy(reinterpret_cast<char*>(&result), sizeof result);
    return result;
  }
  std::optional<IpAddress> address(std::uint16_t type) const;
  NetlinkAttributes nest(std::uint16_t type) const { return NetlinkAttributes(bytes(type)); }
  // In their order, with repeated types: for lists.
  const std::vector<std::pair<std::uint16_t, std::string_view>>& in_order() const { return in_order_; }

 private:
  std::map<std::uint16_t, std::string_view> attributes_;
  std::vector<std::pair<std::uint16_t, std::string_view>> in_order_;
};

// One message of the kernel's answer: its type and all behind its header.
struct NetlinkReply {
  std::uint16_t type = 0;
  std::string payload;

  // The fixed part; zeros if the payload is shorter.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  T fixed() const {
    T part{};
    if (payload.size() >= sizeof part) std::memcpy(&part, payload.data(), sizeof part);
    return part;
  }
  // The attributes behind a fixed part of this size.
  NetlinkAttributes attributes(std::size_t fixed_size) const {
    const std::size_t start = NLMSG_ALIGN(fixed_size);
    return NetlinkAttributes(payload.size() > start ? std::string_view(payload).substr(start)
                                                    : std::string_view());
  }
};

// A netlink socket of the network namespace that it was opened in, whichever the thread is in later. Errors
// carry the kernel's errno and its own explanation where it gives one; they do not tell what was asked:
// callers add that.
class NetlinkSocket {
 public:
  // In this thread's network namespace. Protocol: NETLINK_ROUTE, NETLINK_NETFILTER…; kUnsupported if the
  // kernel has none such.
  static Result<NetlinkSocket> open(int protocol);
  // In another network namespace, by a descriptor of it.
  static Result<NetlinkSocket> open_in(int network_namespace, int protocol);

  // Sends one message and waits until the kernel has carried it out (NLM_F_ACK is added).
  Result<> request(NetlinkMessage message);
  // Sends one message that asks for something and returns the answer (the first message of it).
  Result<NetlinkReply> get(NetlinkMessage message);
  // Sends one message with NLM_F_DUMP and returns the whole answer; asked again if the list changed
  // meanwhile.
  Result<std::vector<NetlinkReply>> dump(NetlinkMessage message);
  // Sends messages in one datagram (a transaction of nf_tables, several independent requests of rtnetlink),
  // and waits for the answer to each one that has NLM_F_ACK. The first failure is the error; `failed_at` gets
  // its place among the messages.
  Result<> batch(std::span<NetlinkMessage> messages, std::size_t* failed_at = nullptr);

  int fd() const { return fd_.get(); }

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<> send(std::string_view bytes);
  Result<std::string> receive();
  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

// Runs the work with this thread in another network namespace and brings it back. The process ends at once
// (abort) if the way back is barred: nothing may go on in the wrong namespace.
Result<> in_network_namespace(int network_namespace, const std::function<Result<>()>& work);

}  // namespace agena::sys
