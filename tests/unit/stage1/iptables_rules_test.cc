// What iptables is told where the kernel has no nf_tables.
#include "stage1/net/iptables_rules.h"

#include <gtest/gtest.h>

namespace agena::stage1 {
namespace {

IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value(); }

PodRules rules() {
  PodRules rules{
      .masquerade = {prefix("10.5.0.2/24")},
      .ports = {{.name = "web", .protocol = "tcp", .host_port = 8080, .pod_port = 80, .count = 2},
                {.name = "sip", .protocol = "udp", .host_port = 5060, .pod_port = 5060, .count = 10},
                {.name = "ss7", .protocol = "sctp", .host_port = 2905, .pod_port = 2905}},
      .target = {.v4 = prefix("10.5.0.2/24"), .v6 = prefix("fd05::2/64")}};
  rules.ports[1].host_ip = IpAddress::parse("192.0.2.1").value();
  return rules;
}

const Uuid& pod() {
  static const Uuid uuid = Uuid::parse("5f2e8e3c-6a1b-4c7d-9e0f-112233445566").value();
  return uuid;
}

TEST(IptablesText, Version4) {
  EXPECT_EQ(iptables_text(pod(), rules(), true), R"(*nat
:RKT-PFWD-DNAT-5f2e8e3c - [0:0]
-A RKT-PFWD-DNAT-5f2e8e3c -p tcp --dport 8080 -j DNAT --to-destination 10.5.0.2:80
-A RKT-PFWD-DNAT-5f2e8e3c -p tcp --dport 8081 -j DNAT --to-destination 10.5.0.2:81
-A RKT-PFWD-DNAT-5f2e8e3c -d 192.0.2.1 -p udp --dport 5060:5069 -j DNAT --to-destination 10.5.0.2
-A RKT-PFWD-DNAT-5f2e8e3c -p sctp --dport 2905:2905 -j DNAT --to-destination 10.5.0.2
-I PREROUTING 1 -m addrtype --dst-type LOCAL -j RKT-PFWD-DNAT-5f2e8e3c
-I OUTPUT 1 -m addrtype --dst-type LOCAL -j RKT-PFWD-DNAT-5f2e8e3c
:RKT-PFWD-SNAT-5f2e8e3c - [0:0]
-A RKT-PFWD-SNAT-5f2e8e3c -s 10.5.0.0/24 -d 10.5.0.2 -m conntrack --ctstate DNAT -j MASQUERADE
-A RKT-PFWD-SNAT-5f2e8e3c -s 127.0.0.0/8 -d 10.5.0.2 -m conntrack --ctstate DNAT -j MASQUERADE
-A RKT-PFWD-SNAT-5f2e8e3c -s 10.5.0.2 -d 10.5.0.0/24 -j RETURN
-A RKT-PFWD-SNAT-5f2e8e3c -s 10.5.0.2 ! -d 224.0.0.0/4 -j MASQUERADE
-I POSTROUTING 1 -j RKT-PFWD-SNAT-5f2e8e3c
COMMIT
*raw
:RKT-PFWD-RAW-5f2e8e3c - [0:0]
-A RKT-PFWD-RAW-5f2e8e3c ! -i lo -d 127.0.0.0/8 -j DROP
-A RKT-PFWD-RAW-5f2e8e3c ! -i lo -s 127.0.0.0/8 -j DROP
-I PREROUTING 1 -j RKT-PFWD-RAW-5f2e8e3c
COMMIT
)");
}

TEST(IptablesText, Version6) {
  EXPECT_EQ(iptables_text(pod(), rules(), false), R"(*nat
:RKT-PFWD-DNAT-5f2e8e3c - [0:0]
-A RKT-PFWD-DNAT-5f2e8e3c -d ::1/128 -j RETURN
-A RKT-PFWD-DNAT-5f2e8e3c -p tcp --dport 8080 -j DNAT --to-destination [fd05::2]:80
-A RKT-PFWD-DNAT-5f2e8e3c -p tcp --dport 8081 -j DNAT --to-destination [fd05::2]:81
-A RKT-PFWD-DNAT-5f2e8e3c -p sctp --dport 2905:2905 -j DNAT --to-destination fd05::2
-I PREROUTING 1 -m addrtype --dst-type LOCAL -j RKT-PFWD-DNAT-5f2e8e3c
-I OUTPUT 1 -m addrtype --dst-type LOCAL -j RKT-PFWD-DNAT-5f2e8e3c
:RKT-PFWD-SNAT-5f2e8e3c - [0:0]
-A RKT-PFWD-SNAT-5f2e8e3c -s fd05::/64 -d fd05::2 -m conntrack --ctstate DNAT -j MASQUERADE
-I POSTROUTING 1 -j RKT-PFWD-SNAT-5f2e8e3c
COMMIT
)");
  PodRules only_v4 = rules();
  only_v4.target.v6.reset();
  EXPECT_EQ(iptables_text(pod(), only_v4, false), "");
  EXPECT_EQ(iptables_text(pod(), {}, true), "");
}

}  // namespace
}  // namespace agena::stage1
