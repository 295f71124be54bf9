// Transactions of nf_tables, as far as the rules of pods need them: a table with its chains and rules is put
// in the place of another one, or removed. Knows the kernel's messages and nothing of pods.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/sys/netlink.h"

namespace agena::stage1 {

// One rule in the making: conditions first, then what is done. All conditions must hold.
class NftRule {
 public:
  // "ip" or "ip6": the version of the packet.
  NftRule& version(bool v4);
  // Addresses within a prefix; the rule is for its version only.
  NftRule& source(const IpPrefix& prefix) { return address(prefix, Side::kSource, true); }
  NftRule& destination(const IpPrefix& prefix) { return address(prefix, Side::kDestination, true); }
  NftRule& destination_not(const IpPrefix& prefix) { return address(prefix, Side::kDestination, false); }
  // Destinations that are addresses of this host.
  NftRule& destination_is_local();
  // IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP.
  NftRule& protocol(std::uint8_t number);
  // Ports first .. last.
  NftRule& destination_port(std::uint16_t first, std::uint16_t last);
  // Packets of connections whose destination was changed.
  NftRule& was_forwarded();
  NftRule& from_interface(std::string_view name) { return interface(name, true); }
  NftRule& not_from_interface(std::string_view name) { return interface(name, false); }

  NftRule& jump(std::string_view chain);
  // Back to where the chain was jumped to from.
  NftRule& leave();
  NftRule& drop();
  NftRule& masquerade();
  // The new destination; the port stays as it is with port 0.
  NftRule& forward_to(const IpAddress& address, std::uint16_t port);

 private:
  friend class NftTable;
  enum class Side { kSource, kDestination };
  using Fill = std::function<void(sys::NetlinkMessage&)>;
  NftRule& address(const IpPrefix& prefix, Side side, bool within);
  NftRule& interface(std::string_view name, bool same);
  void expression(std::string_view name, const Fill& fill);
  void compare(bool equal, std::string_view bytes);
  void mask(std::string_view bytes);
  void load(std::string_view bytes, std::uint32_t target);
  void verdict(int code, std::string_view chain);

  struct Expression {
    std::string name;
    Fill fill;
  };
  std::vector<Expression> expressions_;
};

// Where the kernel enters a chain.
struct NftHook {
  std::string_view type;  // "nat" or "filter"
  std::uint32_t hook;     // NF_INET_*
  std::int32_t priority;
};

// A table for both versions of IP (family inet).
class NftTable {
 public:
  explicit NftTable(std::string name) : name_(std::move(name)) {}

  void add_chain(std::string_view name);
  void add_chain(std::string_view name, const NftHook& hook);
  void add_rule(std::string_view chain, const NftRule& rule);

  // Puts it in the place of the table of this name in the socket's network namespace, all or nothing. The
  // table is the socket's: nobody else can change it, nor `nft flush ruleset` take it away, and when the
  // socket is closed, also by the death of its process, it is gone. Kernels before 5.12 know no such tables;
  // theirs stay until they are removed. Kind kUnsupported if the kernel has no nf_tables, or not what the
  // rules need.
  Result<> put(sys::NetlinkSocket& socket) const;
  // Adds to the table of this name, which may be there and belongs to nobody: chains that are there lose the
  // rules that they have.
  Result<> add_to(sys::NetlinkSocket& socket) const;
  // Removes the table of this name; kNotFound if there is none, kUnsupported as above.
  static Result<> remove(sys::NetlinkSocket& socket, const std::string& name);

 private:
  Result<> put(sys::NetlinkSocket& socket, std::uint32_t flags) const;

  std::string name_;
  std::vector<std::string> chains_;
  std::vector<sys::NetlinkMessage> messages_;
};

// What there is of tables, at one generation of the kernel's rules.
struct NftListing {
  std::uint32_t generation = 0;
  std::vector<std::string> tables;  // names, family inet
};
Result<NftListing> list_tables(sys::NetlinkSocket& socket);
// Names of the chains of a table.
Result<std::vector<std::string>> list_chains(sys::NetlinkSocket& socket, const std::string& table);
// Removes a table, unless rules were changed by anybody since that generation (kBusy).
Result<> remove_unchanged(sys::NetlinkSocket& socket, const std::string& table, std::uint32_t generation);

// A socket for tables in this thread's network namespace.
Result<sys::NetlinkSocket> open_nf_tables();

}  // namespace agena::stage1
