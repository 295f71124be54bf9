#include "stage1/net/nf_tables.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <optional>

namespace agena::stage1 {
namespace {

using sys::NetlinkMessage;

constexpr std::uint32_t kRegister = NFT_REG_1;
constexpr std::uint32_t kSecondRegister = NFT_REG_2;

template <class T>
std::string raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string bytes_of(const IpAddress& address) {
  const auto bytes = address.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string port_bytes(std::uint16_t port) { return raw(htons(port)); }

// With a generation the transaction is refused if rules were changed since.
NetlinkMessage batch_mark(std::uint16_t type, std::optional<std::uint32_t> generation = {}) {
  NetlinkMessage message(type);
  message.fixed(
      nfgenmsg{.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)});
  if (generation) message.be32(NFNL_BATCH_GENID, *generation);
  return message;
}

std::uint16_t type_of(std::uint16_t what) {
  return static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | what);
}

NetlinkMessage message_of(std::uint16_t what, std::uint16_t flags) {
  NetlinkMessage message(type_of(what), flags);
  message.fixed(nfgenmsg{.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0, .res_id = 0});
  return message;
}

NetlinkMessage new_table(const std::string& name, std::uint32_t flags) {
  NetlinkMessage message = message_of(NFT_MSG_NEWTABLE, NLM_F_CREATE);
  message.text(NFTA_TABLE_NAME, name).be32(NFTA_TABLE_FLAGS, flags);
  return message;
}

NetlinkMessage no_table(const std::string& name) {
  NetlinkMessage message = message_of(NFT_MSG_DELTABLE, 0);
  message.text(NFTA_TABLE_NAME, name);
  return message;
}

void data(NetlinkMessage& message, std::uint16_t type, std::string_view bytes) {
  message.nest(type, [&](NetlinkMessage& value) { value.attribute(NFTA_DATA_VALUE, bytes); });
}

// What kernels say that were built without a part of what is needed.
bool is_missing(int error) {
  return error == EOPNOTSUPP || error == EPROTONOSUPPORT || error == EAFNOSUPPORT;
}

Result<> transact(sys::NetlinkSocket& socket, std::vector<NetlinkMessage> messages,
                  std::optional<std::uint32_t> generation = {}) {
  // Answers are sent when all is done; of those that failed they are sent anyway.
  messages.back().add_flags(NLM_F_ACK);
  messages.insert(messages.begin(), batch_mark(NFNL_MSG_BATCH_BEGIN, generation));
  messages.push_back(batch_mark(NFNL_MSG_BATCH_END));
  auto done = socket.batch(messages);
  if (done || !is_missing(done.error().sys_errno())) return done;
  return errno_fail(done.error().sys_errno(), "the kernel has no nf_tables");
}

}  // namespace

// --- rules ---

void NftRule::expression(std::string_view name, const Fill& fill) {
  expressions_.push_back({std::string(name), fill});
}

void NftRule::compare(bool equal, std::string_view bytes) {
  expression("cmp", [equal, value = std::string(bytes)](NetlinkMessage& part) {
    part.be32(NFTA_CMP_SREG, kRegister).be32(NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    data(part, NFTA_CMP_DATA, value);
  });
}

void NftRule::mask(std::string_view bytes) {
  expression("bitwise", [value = std::string(bytes)](NetlinkMessage& part) {
    part.be32(NFTA_BITWISE_SREG, kRegister).be32(NFTA_BITWISE_DREG, kRegister);
    part.be32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(value.size()));
    data(part, NFTA_BITWISE_MASK, value);
    data(part, NFTA_BITWISE_XOR, std::string(value.size(), '\0'));
  });
}

void NftRule::load(std::string_view bytes, std::uint32_t target) {
  expression("immediate", [target, value = std::string(bytes)](NetlinkMessage& part) {
    part.be32(NFTA_IMMEDIATE_DREG, target);
    data(part, NFTA_IMMEDIATE_DATA, value);
  });
}

void NftRule::verdict(int code, std::string_view chain) {
  expression("immediate", [code, name = std::string(chain)](NetlinkMessage& part) {
    part.be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    part.nest(NFTA_IMMEDIATE_DATA, [&](NetlinkMessage& value) {
      value.nest(NFTA_DATA_VERDICT, [&](NetlinkMessage& verdict) {
        verdict.be32(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code));
        if (!name.empty()) verdict.text(NFTA_VERDICT_CHAIN, name);
      });
    });
  });
}

NftRule& NftRule::version(bool v4) {
  expression("meta", [](NetlinkMessage& part) {
    part.be32(NFTA_META_DREG, kRegister).be32(NFTA_META_KEY, NFT_META_NFPROTO);
  });
  compare(true, raw(static_cast<std::uint8_t>(v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)));
  return *this;
}

NftRule& NftRule::address(const IpPrefix& prefix, Side side, bool within) {
  const bool v4 = prefix.address.is_v4();
  version(v4);
  // Places in the two headers.
  const std::uint32_t offset = side == Side::kSource ? (v4 ? 12 : 8) : (v4 ? 16 : 24);
  const std::uint32_t size = prefix.address.bits() / 8;
  expression("payload", [offset, size](NetlinkMessage& part) {
    part.be32(NFTA_PAYLOAD_DREG, kRegister).be32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    part.be32(NFTA_PAYLOAD_OFFSET, offset).be32(NFTA_PAYLOAD_LEN, size);
  });
  if (prefix.length < prefix.address.bits()) mask(bytes_of(prefix.mask()));
  compare(within, bytes_of(prefix.network()));
  return *this;
}

NftRule& NftRule::destination_is_local() {
  expression("fib", [](NetlinkMessage& part) {
    part.be32(NFTA_FIB_DREG, kRegister).be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    part.be32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  });
  compare(true, raw(static_cast<std::uint32_t>(RTN_LOCAL)));
  return *this;
}

NftRule& NftRule::protocol(std::uint8_t number) {
  expression("meta", [](NetlinkMessage& part) {
    part.be32(NFTA_META_DREG, kRegister).be32(NFTA_META_KEY, NFT_META_L4PROTO);
  });
  compare(true, raw(number));
  return *this;
}

NftRule& NftRule::destination_port(std::uint16_t first, std::uint16_t last) {
  // At one place in all three protocols.
  expression("payload", [](NetlinkMessage& part) {
    part.be32(NFTA_PAYLOAD_DREG, kRegister).be32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    part.be32(NFTA_PAYLOAD_OFFSET, 2).be32(NFTA_PAYLOAD_LEN, 2);
  });
  if (first == last) {
    compare(true, port_bytes(first));
    return *this;
  }
  expression("range", [first, last](NetlinkMessage& part) {
    part.be32(NFTA_RANGE_SREG, kRegister).be32(NFTA_RANGE_OP, NFT_RANGE_EQ);
    data(part, NFTA_RANGE_FROM_DATA, port_bytes(first));
    data(part, NFTA_RANGE_TO_DATA, port_bytes(last));
  });
  return *this;
}

NftRule& NftRule::was_forwarded() {
  expression("ct", [](NetlinkMessage& part) {
    part.be32(NFTA_CT_DREG, kRegister).be32(NFTA_CT_KEY, NFT_CT_STATUS);
  });
  mask(raw(static_cast<std::uint32_t>(IPS_DST_NAT)));
  compare(false, raw(std::uint32_t{0}));
  return *this;
}

NftRule& NftRule::interface(std::string_view name, bool same) {
  expression("meta", [](NetlinkMessage& part) {
    part.be32(NFTA_META_DREG, kRegister).be32(NFTA_META_KEY, NFT_META_IIFNAME);
  });
  std::string padded(name);
  padded.resize(IFNAMSIZ, '\0');
  compare(same, padded);
  return *this;
}

NftRule& NftRule::jump(std::string_view chain) {
  verdict(NFT_JUMP, chain);
  return *this;
}

NftRule& NftRule::leave() {
  verdict(NFT_RETURN, {});
  return *this;
}

NftRule& NftRule::drop() {
  verdict(NF_DROP, {});
  return *this;
}

NftRule& NftRule::masquerade() {
  expression("masq", [](NetlinkMessage&) {});
  return *this;
}

NftRule& NftRule::forward_to(const IpAddress& address, std::uint16_t port) {
  load(bytes_of(address), kRegister);
  if (port != 0) load(port_bytes(port), kSecondRegister);
  expression("nat", [v4 = address.is_v4(), port](NetlinkMessage& part) {
    part.be32(NFTA_NAT_TYPE, NFT_NAT_DNAT).be32(NFTA_NAT_FAMILY, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
    part.be32(NFTA_NAT_REG_ADDR_MIN, kRegister);
    if (port != 0) part.be32(NFTA_NAT_REG_PROTO_MIN, kSecondRegister);
  });
  return *this;
}

// --- tables ---

void NftTable::add_chain(std::string_view name) {
  NetlinkMessage message = message_of(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  message.text(NFTA_CHAIN_TABLE, name_).text(NFTA_CHAIN_NAME, name);
  messages_.push_back(std::move(message));
  chains_.emplace_back(name);
}

void NftTable::add_chain(std::string_view name, const NftHook& hook) {
  add_chain(name);
  messages_.back().nest(NFTA_CHAIN_HOOK, [&](NetlinkMessage& part) {
    part.be32(NFTA_HOOK_HOOKNUM, hook.hook);
    part.be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(hook.priority));
  });
  messages_.back().be32(NFTA_CHAIN_POLICY, NF_ACCEPT).text(NFTA_CHAIN_TYPE, hook.type);
}

void NftTable::add_rule(std::string_view chain, const NftRule& rule) {
  NetlinkMessage message = message_of(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  message.text(NFTA_RULE_TABLE, name_).text(NFTA_RULE_CHAIN, chain);
  message.nest(NFTA_RULE_EXPRESSIONS, [&](NetlinkMessage& list) {
    for (const NftRule::Expression& expression : rule.expressions_)
      list.nest(NFTA_LIST_ELEM, [&](NetlinkMessage& element) {
        element.text(NFTA_EXPR_NAME, expression.name);
        element.nest(NFTA_EXPR_DATA, expression.fill);
      });
  });
  messages_.push_back(std::move(message));
}

Result<> NftTable::put(sys::NetlinkSocket& socket, std::uint32_t flags) const {
  std::vector<NetlinkMessage> messages = {new_table(name_, flags)};
  messages.insert(messages.end(), messages_.begin(), messages_.end());
  // Deleting, also of what is empty, makes a wait somewhere: it is done only where there is something.
  messages.front().add_flags(NLM_F_EXCL);
  auto made = transact(socket, messages);
  if (made || made.error().kind() != ErrorKind::kAlreadyExists) return made;
  messages.insert(messages.begin(), no_table(name_));
  return transact(socket, std::move(messages));
}

Result<> NftTable::put(sys::NetlinkSocket& socket) const {
  auto done = put(socket, NFT_TABLE_F_OWNER);
  // Kernels that do not know the flag have said this and that.
  const int error = done ? 0 : done.error().sys_errno();
  if (error == EINVAL || is_missing(error)) done = put(socket, 0);
  // Before Linux 5.2 there is no type of chain for NAT in this family.
  if (!done && done.error().sys_errno() == ENOENT)
    return fail(ErrorKind::kUnsupported, "the kernel's nf_tables cannot do NAT in the family inet");
  TRY_CTX(std::move(done), "writing the nftables table '{}'", name_);
  return {};
}

Result<> NftTable::add_to(sys::NetlinkSocket& socket) const {
  std::vector<NetlinkMessage> messages = {new_table(name_, 0)};
  auto chain = chains_.begin();
  for (const NetlinkMessage& message : messages_) {
    messages.push_back(message);
    if (message.type() != type_of(NFT_MSG_NEWCHAIN)) continue;
    messages.push_back(message_of(NFT_MSG_DELRULE, 0));
    messages.back().text(NFTA_RULE_TABLE, name_).text(NFTA_RULE_CHAIN, *chain++);
  }
  TRY_CTX(transact(socket, std::move(messages)), "writing the nftables table '{}'", name_);
  return {};
}

Result<> NftTable::remove(sys::NetlinkSocket& socket, const std::string& name) {
  std::vector<NetlinkMessage> messages = {no_table(name)};
  TRY_CTX(transact(socket, std::move(messages)), "removing the nftables table '{}'", name);
  return {};
}

Result<NftListing> list_tables(sys::NetlinkSocket& socket) {
  NftListing listing;
  const auto generation = TRY(socket.get(message_of(NFT_MSG_GETGEN, 0)));
  listing.generation =
      ntohl(generation.attributes(sizeof(nfgenmsg)).number<std::uint32_t>(NFTA_GEN_ID).value_or(0));
  for (const sys::NetlinkReply& table : TRY(socket.dump(message_of(NFT_MSG_GETTABLE, 0))))
    listing.tables.push_back(table.attributes(sizeof(nfgenmsg)).text(NFTA_TABLE_NAME));
  return listing;
}

Result<std::vector<std::string>> list_chains(sys::NetlinkSocket& socket, const std::string& table) {
  std::vector<std::string> chains;
  for (const sys::NetlinkReply& chain : TRY(socket.dump(message_of(NFT_MSG_GETCHAIN, 0)))) {
    const auto attributes = chain.attributes(sizeof(nfgenmsg));
    if (attributes.text(NFTA_CHAIN_TABLE) == table) chains.push_back(attributes.text(NFTA_CHAIN_NAME));
  }
  return chains;
}

Result<> remove_unchanged(sys::NetlinkSocket& socket, const std::string& table, std::uint32_t generation) {
  const auto done = transact(socket, {no_table(table)}, generation);
  if (!done && done.error().sys_errno() == ERESTART) return fail(ErrorKind::kBusy, "rules were changed");
  return done;
}

Result<sys::NetlinkSocket> open_nf_tables() { return sys::NetlinkSocket::open(NETLINK_NETFILTER); }

}  // namespace agena::stage1
