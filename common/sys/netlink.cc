#include "common/sys/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/base/strings.h"

namespace agena::sys {
namespace {

// The kernel answers at once; what takes longer than this will never come.
constexpr timeval kPatience{30, 0};
// Times that a dump is asked for again because the list changed under it.
constexpr int kDumpTries = 16;

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Calls fn(header, payload) for each whole message of a datagram, until it returns false.
template <class Fn>
void each_message(std::string_view datagram, const Fn& fn) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) return;
    if (!fn(header, datagram.substr(sizeof header, header.nlmsg_len - sizeof header))) return;
    datagram.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
}

// What an NLMSG_ERROR (or the NLMSG_DONE of a dump) says: success, or the errno with the kernel's
// explanation.
Result<> verdict(const nlmsghdr& header, std::string_view payload) {
  std::int32_t code = 0;
  if (payload.size() < sizeof code)
    return fail(ErrorKind::kSystem, "the kernel's netlink answer is cut short");
  std::memcpy(&code, payload.data(), sizeof code);
  if (code == 0) return {};
  std::size_t extra = sizeof code;  // NLMSG_DONE: attributes follow the number
  if (header.nlmsg_type == NLMSG_ERROR) {
    extra = sizeof(nlmsgerr);
    nlmsgerr whole{};
    if (payload.size() >= sizeof whole) std::memcpy(&whole, payload.data(), sizeof whole);
    // Without NLM_F_CAPPED the request is repeated before the attributes.
    if ((header.nlmsg_flags & NLM_F_CAPPED) == 0 && whole.msg.nlmsg_len > sizeof whole.msg)
      extra += NLMSG_ALIGN(whole.msg.nlmsg_len) - sizeof whole.msg;
  }
  std::string told;
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) != 0 && payload.size() > extra)
    told = printable(NetlinkAttributes(payload.substr(extra)).text(NLMSGERR_ATTR_MSG));
  if (told.empty()) return errno_fail(-code, "the kernel refuses");
  return errno_fail(-code, "the kernel refuses ({})", told);
}

}  // namespace

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_len = sizeof header;
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  bytes_.assign(bytes_of(header));
}

nlmsghdr NetlinkMessage::header() const {
  nlmsghdr header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  return header;
}

void NetlinkMessage::set_length() {
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

void NetlinkMessage::add_flags(std::uint16_t flags) {
  const auto all = static_cast<std::uint16_t>(header().nlmsg_flags | flags);
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_flags), &all, sizeof all);
}

void NetlinkMessage::set_sequence(std::uint32_t sequence) {
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
}

void NetlinkMessage::append(std::string_view bytes) {
  bytes_.append(bytes);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()), '\0');
  set_length();
}

NetlinkMessage& NetlinkMessage::attribute(std::uint16_t type, std::string_view bytes) {
  nlattr header{};
  overfull_ = overfull_ || sizeof header + bytes.size() > UINT16_MAX;
  header.nla_len = static_cast<std::uint16_t>(sizeof header + bytes.size());
  header.nla_type = type;
  bytes_.append(bytes_of(header));
  append(bytes);
  return *this;
}

NetlinkMessage& NetlinkMessage::u8(std::uint16_t type, std::uint8_t value) {
  return attribute(type, bytes_of(value));
}
NetlinkMessage& NetlinkMessage::u16(std::uint16_t type, std::uint16_t value) {
  return attribute(type, bytes_of(value));
}
NetlinkMessage& NetlinkMessage::u32(std::uint16_t type, std::uint32_t value) {
  return attribute(type, bytes_of(value));
}
NetlinkMessage& NetlinkMessage::u64(std::uint16_t type, std::uint64_t value) {
  return attribute(type, bytes_of(value));
}
NetlinkMessage& NetlinkMessage::be16(std::uint16_t type, std::uint16_t value) {
  return u16(type, htobe16(value));
}
NetlinkMessage& NetlinkMessage::be32(std::uint16_t type, std::uint32_t value) {
  return u32(type, htobe32(value));
}
NetlinkMessage& NetlinkMessage::be64(std::uint16_t type, std::uint64_t value) {
  return u64(type, htobe64(value));
}

NetlinkMessage& NetlinkMessage::text(std::uint16_t type, std::string_view value) {
  std::string ended(value);
  ended.push_back('\0');
  return attribute(type, ended);
}

NetlinkMessage& NetlinkMessage::address(std::uint16_t type, const IpAddress& value) {
  const auto bytes = value.bytes();
  return attribute(type, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

NetlinkMessage& NetlinkMessage::nest(std::uint16_t type, const std::function<void(NetlinkMessage&)>& fill) {
  const std::size_t start = bytes_.size();
  attribute(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
  fill(*this);
  overfull_ = overfull_ || bytes_.size() - start > UINT16_MAX;
  const auto length = static_cast<std::uint16_t>(bytes_.size() - start);
  std::memcpy(bytes_.data() + start + offsetof(nlattr, nla_len), &length, sizeof length);
  return *this;
}

NetlinkAttributes::NetlinkAttributes(std::string_view bytes) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > bytes.size()) return;
    const auto type = static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK);
    const std::string_view value = bytes.substr(sizeof header, header.nla_len - sizeof header);
    attributes_[type] = value;
    in_order_.emplace_back(type, value);
    bytes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(header.nla_len), bytes.size()));
  }
}

std::string_view NetlinkAttributes::bytes(std::uint16_t type) const {
  const auto found = attributes_.find(type);
  return found == attributes_.end() ? std::string_view() : found->second;
}

std::string NetlinkAttributes::text(std::uint16_t type) const {
  const std::string_view value = bytes(type);
  return std::string(value.substr(0, value.find('\0')));
}

std::optional<IpAddress> NetlinkAttributes::address(std::uint16_t type) const {
  const std::string_view value = bytes(type);
  auto result = IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
  if (!result) return std::nullopt;
  return *result;
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT))
    return fail(ErrorKind::kUnsupported, "this kernel has no netlink protocol {}", protocol);
  if (!fd) return sys_fail("opening a netlink socket");
  const int on = 1;
  // Both are niceties: explanations with errors, and answers that do not repeat the request.
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0)
    return sys_fail("setting the time limit of a netlink socket");
  return NetlinkSocket(std::move(fd));
}

Result<NetlinkSocket> NetlinkSocket::open_in(int network_namespace, int protocol) {
  std::optional<NetlinkSocket> socket;
  TRY(in_network_namespace(network_namespace, [&]() -> Result<> {
    socket = TRY(open(protocol));
    return {};
  }));
  return *std::move(socket);
}

Result<> NetlinkSocket::send(std::string_view bytes) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    const ssize_t sent = ::sendto(fd_.get(), bytes.data(), bytes.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    if (sent == static_cast<ssize_t>(bytes.size())) return {};
    if (sent >= 0) return fail(ErrorKind::kSystem, "a netlink message was sent in part");
    // A transaction that is larger than the socket's buffer: it may grow as far as the kernel lets us.
    if (errno == EMSGSIZE) {
      int size = static_cast<int>(bytes.size()) * 2;
      int now = 0;
      socklen_t length = sizeof now;
      if (::getsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &now, &length) == 0 && now < size &&
          (::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) == 0 ||
           ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0)) {
        int grown = 0;
        if (::getsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &grown, &length) == 0 && grown > now) continue;
      }
      return errno_fail(EMSGSIZE, "sending a netlink message");
    }
    if (errno != EINTR) return sys_fail("sending a netlink message");
  }
}

Result<std::string> NetlinkSocket::receive() {
  for (;;) {
    // MSG_TRUNC tells the whole length of the datagram that waits.
    const ssize_t size = ::recv(fd_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
    std::string datagram(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const ssize_t got = size < 0 ? size
                                 : ::recvfrom(fd_.get(), datagram.data(), datagram.size(), 0,
                                              reinterpret_cast<sockaddr*>(&sender), &length);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return fail(ErrorKind::kSystem, "the kernel gives no answer over netlink");
      return sys_fail("receiving a netlink message");
    }
    // Other processes may send to our port; only the kernel (port 0) is listened to.
    if (sender.nl_pid != 0) continue;
    datagram.resize(static_cast<std::size_t>(got));
    return datagram;
  }
}

Result<> NetlinkSocket::request(NetlinkMessage message) {
  message.add_flags(NLM_F_ACK);
  return batch({&message, 1});
}

Result<NetlinkReply> NetlinkSocket::get(NetlinkMessage message) {
  const std::uint32_t sequence = ++sequence_;
  message.set_sequence(sequence);
  TRY(send(message.bytes()));
  for (;;) {
    const std::string datagram = TRY(receive());
    std::optional<Result<NetlinkReply>> answer;
    each_message(datagram, [&](const nlmsghdr& header, std::string_view payload) {
      if (header.nlmsg_seq != sequence) return true;
      if (header.nlmsg_type == NLMSG_ERROR) {
        auto said = verdict(header, payload);
        if (said) return true;  // a mere acknowledgement
        answer = std::unexpected(std::move(said).error());
      } else {
        answer = NetlinkReply{header.nlmsg_type, std::string(payload)};
      }
      return false;
    });
    if (answer) return *std::move(answer);
  }
}

Result<std::vector<NetlinkReply>> NetlinkSocket::dump(NetlinkMessage message) {
  message.add_flags(NLM_F_DUMP);
  for (int tries = 1;; ++tries) {
    const std::uint32_t sequence = ++sequence_;
    message.set_sequence(sequence);
    TRY(send(message.bytes()));
    std::vector<NetlinkReply> replies;
    bool interrupted = false;
    std::optional<Result<>> end;
    while (!end) {
      const std::string datagram = TRY(receive());
      each_message(datagram, [&](const nlmsghdr& header, std::string_view payload) {
        if (header.nlmsg_seq != sequence) return true;
        interrupted = interrupted || (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
          // Old kernels end a dump without a number.
          end = header.nlmsg_type == NLMSG_DONE && payload.size() < sizeof(std::int32_t)
                    ? Result<>()
                    : verdict(header, payload);
          return false;
        }
        replies.push_back({header.nlmsg_type, std::string(payload)});
        return true;
      });
    }
    TRY(std::move(*end));
    if (!interrupted) return replies;
    if (tries == kDumpTries) return fail(ErrorKind::kBusy, "the list changes faster than it can be read");
  }
}

Result<> NetlinkSocket::batch(std::span<NetlinkMessage> messages, std::size_t* failed_at) {
  const std::uint32_t first = sequence_ + 1;
  std::string datagram;
  std::size_t awaited = 0;
  for (NetlinkMessage& message : messages) {
    if (message.overfull()) return fail(ErrorKind::kInvalidInput, "a netlink message is too long");
    message.set_sequence(++sequence_);
    datagram += message.bytes();
    if ((message.flags() & NLM_F_ACK) != 0) ++awaited;
  }
  TRY(send(datagram));
  // Answers come in the messages' order. The rest behind a failure is left in the socket: it carries numbers
  // that nobody waits for any more.
  while (awaited > 0) {
    const std::string answers = TRY(receive());
    Result<> outcome;
    each_message(answers, [&](const nlmsghdr& header, std::string_view payload) {
      if (header.nlmsg_seq < first || header.nlmsg_seq - first >= messages.size()) return true;
      if (header.nlmsg_type != NLMSG_ERROR) return true;
      const std::size_t at = header.nlmsg_seq - first;
      outcome = verdict(header, payload);
      if (outcome && (messages[at].flags() & NLM_F_ACK) != 0) --awaited;
      if (!outcome && failed_at != nullptr) *failed_at = at;
      return outcome.has_value() && awaited > 0;
    });
    TRY(std::move(outcome));
  }
  return {};
}

Result<> in_network_namespace(int network_namespace, const std::function<Result<>()>& work) {
  const UniqueFd home = TRY(open_at(at_cwd(), "/proc/thread-self/ns/net", O_RDONLY));
  if (::setns(network_namespace, CLONE_NEWNET) != 0) return sys_fail("joining a network namespace");
  auto outcome = work();
  if (::setns(home.get(), CLONE_NEWNET) != 0) std::abort();
  return outcome;
}

}  // namespace agena::sys
