// Which port leads where, and which claims exclude each other.
#include "manifests/schema/port_map.h"

#include <gtest/gtest.h>

namespace agena::schema {
namespace {

Port port(const char* name, std::uint16_t number, const char* protocol = "tcp", std::uint16_t count = 1) {
  return {.name = *AcName::parse(name), .protocol = protocol, .port = number, .count = count};
}

ExposedPort exposed(const char* name, std::uint16_t host_port, const char* ip = "", const char* app = "") {
  return {.name = *AcName::parse(name), .host_port = host_port, .host_ip = ip, .app = app};
}

std::string shown(const std::vector<ExposedPort>& ports, const std::vector<AppPorts>& apps) {
  const auto mappings = port_mappings(ports, apps);
  if (!mappings) return mappings.error().message();
  std::string text;
  for (const PortMapping& mapping : *mappings)
    text += fmt::format("{} -> {}+{} {};", mapping.place(), mapping.pod_port, mapping.count, mapping.app);
  return text;
}

TEST(PortMap, NamesOfApps) {
  const std::vector web = {port("http", 80), port("media", 5000, "UDP", 10)};
  const std::vector log = {port("http", 81), port("syslog", 514, "udp"), port("ping", 1, "icmp")};
  const std::vector<AppPorts> apps = {{"web", web}, {"log", log}};
  EXPECT_EQ(shown({exposed("media", 6000, "fd00::1"), exposed("syslog", 514)}, apps),
            "udp-[fd00::1]:6000 -> 5000+10 ;udp-0.0.0.0:514 -> 514+1 ;");
  EXPECT_EQ(shown({exposed("http", 8080)}, apps),
            "port name 'http' is defined by several apps: 'web' and 'log'");
  EXPECT_EQ(shown({exposed("http", 8080, "", "log")}, apps), "tcp-0.0.0.0:8080 -> 81+1 log;");
  EXPECT_EQ(shown({exposed("ping", 8080)}, apps),
            "port 'ping': its protocol is 'icmp', not tcp, udp or sctp");
  EXPECT_EQ(shown({exposed("media", 65530)}, apps),
            "port 'media' is a range of 10, which does not fit behind host port 65530");
  EXPECT_EQ(shown({exposed("http", 80, "::1", "web")}, apps),
            "ports cannot be forwarded from '::1': the kernel brings no answers back to it; use 127.0.0.1");
  EXPECT_EQ(shown({exposed("none", 1)}, {}), "port name 'none' could not be found in any apps");
}

TEST(PortMap, OnePlaceForOne) {
  const std::vector web = {port("a", 80), port("b", 81), port("c", 80, "udp"), port("range", 90, "tcp", 10)};
  const std::vector<AppPorts> apps = {{"web", web}};
  EXPECT_EQ(shown({exposed("a", 80), exposed("b", 80)}, apps),
            "port tcp-0.0.0.0:80 already mapped to pod port 80");
  EXPECT_EQ(shown({exposed("a", 80, "10.0.0.1"), exposed("b", 80, "0.0.0.0")}, apps),
            "port tcp-0.0.0.0:80 already mapped to pod port 80");
  EXPECT_EQ(shown({exposed("range", 80), exposed("b", 89)}, apps),
            "port tcp-0.0.0.0:89 already mapped to pod port 90");
  const char* apart =
      "tcp-10.0.0.1:80 -> 80+1 ;tcp-10.0.0.2:80 -> 81+1 ;tcp-[::]:80 -> 81+1 ;udp-0.0.0.0:80 -> 80+1 ;";
  EXPECT_EQ(shown({exposed("a", 80, "10.0.0.1"), exposed("b", 80, "10.0.0.2"), exposed("b", 80, "::"),
                   exposed("c", 80)},
                  apps),
            apart);
}

}  // namespace
}  // namespace agena::schema
