// The pod and its host's service manager: units, machine names, sockets.
#include <gtest/gtest.h>

#include "stage1/run/host_manager.h"
#include "stage1/run/listen_sockets.h"
#include "stage1/run/selinux.h"

namespace agena::stage1 {
namespace {

TEST(Scope, OnlyForWhoHasNoUnit) {
  for (const char* path : {"", "init.scope", "user.slice/user-0.slice/session-3.scope",
                           "user.slice/user-1000.slice/user@1000.service/app.slice/terminal.scope"})
    EXPECT_TRUE(wants_scope(path)) << path;
  for (const char* path :
       {"system.slice/web.service", "machine.slice/agena@web.service/sub", "machine.slice/run-r1.scope",
        "system.slice/system-getty.slice/getty@tty1.service", "docker/0123"})
    EXPECT_FALSE(wants_scope(path)) << path;
}

TEST(Scope, PathBySystemdsHierarchy) {
  EXPECT_EQ(managed_path("0::/system.slice/web.service\n"), "system.slice/web.service");
  // v1, where v2 is known to the kernel and used by nobody.
  EXPECT_EQ(managed_path("12:pids:/x\n1:name=systemd:/system.slice/web.service\n0::/\n"),
            "system.slice/web.service");
  EXPECT_EQ(managed_path("12:pids:/x\n0::/\n"), "");
  // A container that has v2 alone, on a host of the other kind.
  EXPECT_EQ(managed_path("1:name=systemd:/\n0::/system.slice/web.service\n"), "system.slice/web.service");
  EXPECT_EQ(managed_path(""), "");
}

TEST(Scope, NameIsEscaped) {
  EXPECT_EQ(scope_unit("agena-0a1b"), "machine-agena\\x2d0a1b.scope");
  EXPECT_EQ(scope_unit("a.b_C"), "machine-a.b_C.scope");
}

schema::Port port(const char* name, std::uint16_t number, bool activated, const char* protocol = "tcp",
                  std::uint16_t count = 1) {
  return {.name = *schema::AcName::parse(name),
          .protocol = protocol,
          .port = number,
          .count = count,
          .socket_activated = activated};
}

PodApp app(const char* name, std::vector<schema::Port> ports) {
  schema::App section{};
  section.ports = std::move(ports);
  return {.runtime = {.name = *schema::AcName::parse(name),
                      .image = {.id = *schema::ImageId::parse("sha512-" + std::string(64, 'a'))}},
          .app = section,
          .docker_rules = false};
}

class Sockets : public ::testing::Test {
 protected:
  static Pod pod_of(std::vector<PodApp> apps) {
    return {*Uuid::parse("11111111-2222-4333-8444-555555555555"), RunOptions(), schema::PodManifest(),
            std::move(apps)};
  }
  static std::string refused(const Pod& pod, const SocketFacts& socket) {
    const auto owners = assign_sockets(pod, {socket});
    return owners ? "accepted" : owners.error().to_string();
  }
  using Owners = std::vector<std::size_t>;
};

TEST_F(Sockets, GoToTheOnlyAppThatWantsAny) {
  const Pod pod = pod_of({app("plain", {port("http", 80, false)}), app("web", {port("http", 80, true)})});
  EXPECT_FALSE(is_socket_activated(pod.apps[0]));
  EXPECT_TRUE(is_socket_activated(pod.apps[1]));
  EXPECT_EQ(assign_sockets(pod, {{"unknown", "", 0}, {"x.socket", "udp", 9}}), (Owners{1, 1}));
}

TEST_F(Sockets, ByNameThenByNumber) {
  Pod pod = pod_of({app("a", {port("http", 80, true), port("range", 9000, true, "udp", 10)}),
                    app("b", {port("admin", 81, true), port("plain", 82, false)})});
  pod.manifest.ports.push_back({.name = *schema::AcName::parse("admin"), .host_port = 8081});
  EXPECT_EQ(assign_sockets(pod, {{"admin", "tcp", 80},
                                 {"x.socket", "tcp", 80},
                                 {"x.socket", "tcp", 8081},
                                 {"x.socket", "udp", 9009}}),
            (Owners{1, 0, 1, 0}));
}

TEST_F(Sockets, ThatFitNothingAreErrors) {
  const Pod pod = pod_of({app("a", {port("http", 80, true)}), app("b", {port("http", 81, true)})});
  EXPECT_EQ(refused(pod, {"http", "tcp", 82}),
            "the service manager passed socket 'http' (tcp port 82), which fits none of the socket-activated "
            "ports: 'http' "
            "of app 'a' (tcp port 80), 'http' of app 'b' (tcp port 81); name it after a port "
            "(FileDescriptorName=)");
  EXPECT_EQ(refused(pod, {"fifo", "", 0}).find("the service manager passed socket 'fifo', which fits none"),
            0U);
  EXPECT_EQ(refused(pod_of({app("a", {port("http", 80, false)})}), {"web.socket", "tcp", 80}),
            "the service manager passed socket 'web.socket' (tcp port 80), but no app has a port with "
            "socketActivated");
}

TEST(Selinux, NewFileSystemsOfThePodAreLabelled) {
  const sys::MountPlan plan = {{.kind = sys::MountKind::kFilesystem, .target = "run", .type = "tmpfs"},
                               {.kind = sys::MountKind::kFilesystem, .target = "proc", .type = "proc"},
                               {.kind = sys::MountKind::kBind, .target = "tmp", .source = "/tmp"}};
  using Options = std::vector<std::pair<std::string, std::string>>;
  const auto labelled = with_selinux_context(plan, "u:object_r:t:s0:c1,c2");
  EXPECT_EQ(labelled[0].options, (Options{{"context", "u:object_r:t:s0:c1,c2"}}));
  EXPECT_EQ(labelled[1].options, Options());
  EXPECT_EQ(labelled[2].options, Options());
  EXPECT_EQ(sys::to_string(with_selinux_context(plan, "")), sys::to_string(plan));
}

}  // namespace
}  // namespace agena::stage1
