// Ports by name and by number.
#include "stage0/pod/port_request.h"

#include <gtest/gtest.h>

namespace agena::stage0 {
namespace {

schema::RuntimeApp app_with(const char* name, std::vector<schema::Port> ports) {
  schema::App section;
  section.ports = std::move(ports);
  return {.name = *schema::AcName::parse(name),
          .image = {.id = *schema::ImageId::parse("sha512-" + std::string(128, 'a'))},
          .app = section};
}

schema::Port port(const char* name, std::uint16_t number) {
  return {.name = *schema::AcName::parse(name), .protocol = "tcp", .port = number};
}

std::string shown(const PortRequest& request, const std::vector<schema::RuntimeApp>& apps) {
  const auto exposed = expose(request, apps);
  if (!exposed) return exposed.error().to_string();
  std::string text = fmt::format("{} {}:{}", exposed->name.str(), exposed->host_ip, exposed->host_port);
  if (const auto& pod_port = exposed->pod_port)
    text += fmt::format(" -> {} {}+{}", pod_port->protocol, pod_port->port, pod_port->count);
  return text;
}

TEST(PortRequest, Numbers) {
  const auto text = [](const char* name) { return shown({name, "", 9}, {}); };
  EXPECT_EQ(text("80"), "80-tcp :9 -> tcp 80+1");
  EXPECT_EQ(text("80/udp"), "80-udp :9 -> udp 80+1");
  EXPECT_EQ(text("80-SCTP"), "80-sctp :9 -> sctp 80+1");
  EXPECT_EQ(text("8000-8010"), "8000-8010-tcp :9 -> tcp 8000+11");
  EXPECT_EQ(text("8000-8010-udp"), "8000-8010-udp :9 -> udp 8000+11");
  EXPECT_EQ(text("8000-8010/udp"), "8000-8010-udp :9 -> udp 8000+11");
  EXPECT_EQ(text("80/icmp"), "--port: unknown protocol 'icmp' (tcp, udp, sctp)");
  EXPECT_EQ(text("65536"), "--port: port of the pod: number '65536' is out of range (1 to 65535)");
  EXPECT_EQ(text("9-8"), "--port: the range '9-8' ends before it begins");
}

TEST(PortRequest, Names) {
  const std::vector apps = {app_with("web", {port("http", 80), port("81", 8181), port("82-tcp", 82)})};
  EXPECT_EQ(shown({"http", "::1", 9}, apps), "http ::1:9");
  EXPECT_EQ(shown({"81", "", 9}, apps), "81 :9") << "a name that is declared wins";
  EXPECT_EQ(shown({"81/tcp", "", 9}, apps), "81-tcp :9 -> tcp 81+1");
  EXPECT_EQ(shown({"82-tcp", "", 9}, apps), "82-tcp :9");
  EXPECT_EQ(shown({"82", "", 9}, apps), "82-tcp :9 -> tcp 82+1");
  EXPECT_EQ(shown({"dns", "", 9, "udp", 53}, apps), "dns :9 -> udp 53+1");
  EXPECT_EQ(shown({"Http", "", 9}, apps).substr(0, 7), "--port:");
}

TEST(PortRequest, WhatDoesNotFitTogether) {
  schema::PodManifest pod;
  pod.apps = {app_with("a", {port("http", 80)}), app_with("b", {port("http", 81), port("only-b", 82)})};
  const auto error_of = [&](std::vector<PortRequest> requests) {
    pod.ports.clear();
    for (const PortRequest& request : requests) pod.ports.push_back(*expose(request, pod.apps));
    const auto checked = check_ports(pod);
    return checked ? "fine" : checked.error().message();
  };
  EXPECT_EQ(error_of({{"only-b", "", 9}}), "fine");
  EXPECT_EQ(error_of({{"http", "", 9}}), "port name 'http' is defined by several apps: 'a' and 'b'");
  EXPECT_EQ(error_of({{"no", "", 9}}),
            "port name 'no' could not be found in any apps; there are: 'http' of app 'a', 'http' of app 'b', "
            "'only-b' of app 'b'");
  EXPECT_EQ(error_of({{"80", "", 9}, {"only-b", "127.0.0.1", 9}}),
            "port tcp-127.0.0.1:9 already mapped to pod port 80");
}

}  // namespace
}  // namespace agena::stage0
