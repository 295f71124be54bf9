// What a CNI plugin's ADD returns, in the shapes of all versions of the specification: 0.1.0 and 0.2.0 know
// one address of each IP version ("ip4", "ip6"), 0.3.0 to 0.4.0 a list of addresses that tell their
// version, 1.0.0 and later one that does not.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"

namespace agena {
class JsonNode;
}

namespace agena::stage1 {

struct CniInterface {
  std::string name;
  std::string mac;      // empty if the plugin tells none
  std::string sandbox;  // path of the network namespace; empty: the host's
  bool operator==(const CniInterface&) const = default;
};

struct CniIp {
  IpPrefix address;
  std::optional<IpAddress> gateway = {};
  std::optional<std::size_t> interface = {};  // index into the result's interfaces
  bool operator==(const CniIp&) const = default;
};

struct CniRoute {
  IpPrefix destination;
  std::optional<IpAddress> gateway = {};  // none: that of the addresses
  bool operator==(const CniRoute&) const = default;
};

struct CniDns {
  std::vector<std::string> nameservers = {};
  std::string domain = {};
  std::vector<std::string> search = {};
  std::vector<std::string> options = {};

  bool empty() const { return nameservers.empty() && domain.empty() && search.empty() && options.empty(); }
  bool operator==(const CniDns&) const = default;
};

struct CniResult {
  std::vector<CniInterface> interfaces = {};
  std::vector<CniIp> ips = {};
  std::vector<CniRoute> routes = {};
  CniDns dns = {};
  // The plugin's own text and its version, so that members unknown here get to the next plugin and to DEL;
  // empty for a result that no plugin has printed.
  std::string text = {};
  std::string version = {};

  // The addresses of the interface in the pod: those that name it, or no interface, or one that the result
  // does not list.
  std::vector<CniIp> ips_of(std::string_view interface) const;
};

// The member "dns" of a result or a configuration: at most 64 texts of 1 KiB without control characters, and
// a domain. Complains of what is wrong, and leaves it out.
CniDns read_cni_dns(const JsonNode& node);
// A result from a plugin's output; `asked` is the configuration's version, which counts where the result
// tells none. Complaints say where in the text something is wrong.
Result<CniResult> parse_cni_result(std::string_view text, std::string_view asked);
// The text of a result in a version's shape: the plugin's own if it is of that version. 0.1.0 and 0.2.0 hold
// the first address of each IP version only. An error if a string in it is not UTF-8.
Result<std::string> render_cni_result(const CniResult& result, std::string_view version);

}  // namespace agena::stage1
