// What the built-in network path understands: a `ptp` configuration with `host-local` addresses, as the
// plugins of these names read it. Anything else is the plugins' business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "stage1/net/cni_result.h"
#include "stage1/net/net_conf.h"

namespace agena::stage1 {

// Addresses that pods get, and the gateway that they reach the host by.
struct AddressRange {
  IpPrefix subnet;
  IpAddress first;
  IpAddress last;
  IpAddress gateway;  // never given to a pod

  bool contains(const IpAddress& address) const {
    return address.is_v4() == first.is_v4() && first <= address && address <= last;
  }
};
// A pod gets one address of each set.
using RangeSet = std::vector<AddressRange>;

struct HostLocalConf {
  std::string network;  // its name, that of the directory of its reservations
  std::string data_dir = "/var/lib/cni/networks";
  std::vector<RangeSet> sets = {};
  std::vector<IpAddress> wanted = {};  // asked for by name
  std::vector<CniRoute> routes = {};
};

struct PtpConf {
  bool ip_masq = false;
  std::uint32_t mtu = 0;  // 0: the kernel's default
  CniDns dns = {};
  HostLocalConf ipam = {};
};

// Whether the configuration is one `ptp` plugin with `host-local` and has no member, and declares no
// capability, that is unknown here. What the members hold is not looked at: read_ptp_conf() complains of it.
bool is_ptp_conf(const NetConf& conf);
// The configuration with the arguments (CNI_ARGS: "KEY=VALUE;…") and the values of capabilities (JSON object
// or empty).
Result<PtpConf> read_ptp_conf(const NetConf& conf, std::string_view args, std::string_view runtime_config);

// Where its reservations are, whatever else is wrong with the configuration: enough to free them.
HostLocalConf read_reservations_place(const NetConf& conf);

}  // namespace agena::stage1
