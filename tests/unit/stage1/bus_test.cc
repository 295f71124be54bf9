// Calls to the host's managers, against a peer that speaks D-Bus and is told what to answer.
#include <gtest/gtest.h>

#include "stage1/bus/host_calls.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stage1/bus_peer.h"

namespace agena::stage1 {
namespace {

using test::ok;
using test::TempDir;

constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

class HostCalls : public ::testing::Test {
 protected:
  std::string socket() const { return temp_.path() + "/bus"; }
  static void tell_job(sd_bus* bus, const char* job, const char* result) {
    EXPECT_GE(
        sd_bus_emit_signal(bus, kManagerPath, kManager, "JobRemoved", "uoss", 1U, job, "x.scope", result), 0);
  }
  // Starts a scope with a peer that answers so.
  Result<> scope_with(const Peer::Answer& answer, Nanoseconds timeout = 10 * kSecond) {
    const Peer peer(socket(), answer);
    const Bus bus = TRY(Bus::connect_manager(socket(), timeout));
    return start_scope(bus, {.unit = "x.scope", .slice = "machine.slice", .description = "Pod x", .pid = 42},
                       timeout);
  }
  Result<> unregister_with(const Peer::Answer& answer) {
    const Peer peer(socket(), answer);
    const Bus bus = TRY(Bus::connect_daemon(socket(), 10 * kSecond));
    return unregister_machine(bus, "agena-x");
  }
  TempDir temp_;
};

TEST_F(HostCalls, AScopeIsThereWhenItsJobHasEnded) {
  std::string seen;
  std::uint32_t pid = 0;
  EXPECT_TRUE(ok(scope_with([&](sd_bus* bus, sd_bus_message* call) {
    const char* unit = nullptr;
    const char* mode = nullptr;
    EXPECT_GE(sd_bus_message_read(call, "ss", &unit, &mode), 0);
    seen = std::string(sd_bus_message_get_member(call)) + " " + unit + " " + mode;
    EXPECT_GE(sd_bus_message_enter_container(call, 'a', "(sv)"), 0);
    while (sd_bus_message_enter_container(call, 'r', "sv") > 0) {
      const char* name = nullptr;
      EXPECT_GE(sd_bus_message_read(call, "s", &name), 0);
      seen += std::string(" ") + name;
      if (std::string(name) == "PIDs")
        EXPECT_GE(sd_bus_message_read(call, "v", "au", 1, &pid), 0);
      else
        EXPECT_GE(sd_bus_message_skip(call, "v"), 0);
      EXPECT_GE(sd_bus_message_exit_container(call), 0);
    }
    // Others' jobs end too, and ours before its name is told.
    tell_job(bus, "/job/6", "failed");
    tell_job(bus, "/job/7", "done");
    EXPECT_GE(sd_bus_reply_method_return(call, "o", "/job/7"), 0);
  })));
  EXPECT_EQ(seen, "StartTransientUnit x.scope fail Description Slice PIDs Delegate CollectMode");
  EXPECT_EQ(pid, 42U);
}

TEST_F(HostCalls, AScopeWhoseJobFails) {
  const auto done = scope_with([](sd_bus* bus, sd_bus_message* call) {
    EXPECT_GE(sd_bus_reply_method_return(call, "o", "/job/7"), 0);
    tell_job(bus, "/job/7", "timeout");
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().to_string(), "the job ended with 'timeout'");
}

TEST_F(HostCalls, AJobThatDoesNotEndIsNotWaitedForForever) {
  const auto done = scope_with(
      [](sd_bus*, sd_bus_message* call) { EXPECT_GE(sd_bus_reply_method_return(call, "o", "/job/7"), 0); },
      kSecond / 5);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kBusy) << done.error().to_string();
}

TEST_F(HostCalls, ARefusalIsTold) {
  const auto done = scope_with([](sd_bus*, sd_bus_message* call) {
    EXPECT_GE(sd_bus_reply_method_errorf(call, "org.freedesktop.systemd1.UnitExists",
                                         "Unit x.scope already exists."),
              0);
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().to_string(), "StartTransientUnit: Unit x.scope already exists.");
  EXPECT_EQ(done.error().kind(), ErrorKind::kSystem);
}

TEST_F(HostCalls, AMachineIsRegisteredWithItsLeader) {
  std::string seen;
  const Peer peer(socket(), [&](sd_bus*, sd_bus_message* call) {
    const char* name = nullptr;
    const void* id = nullptr;
    std::size_t size = 0;
    const char* service = nullptr;
    const char* kind = nullptr;
    const char* root = nullptr;
    std::uint32_t leader = 0;
    EXPECT_GE(sd_bus_message_read(call, "s", &name), 0);
    EXPECT_GE(sd_bus_message_read_array(call, 'y', &id, &size), 0);
    EXPECT_GE(sd_bus_message_read(call, "ssus", &service, &kind, &leader, &root), 0);
    seen = fmt::format("{} {} {} {} {} {} {:02x}", sd_bus_message_get_member(call), name, service, kind,
                       leader, root, static_cast<const unsigned char*>(id)[15]);
    EXPECT_EQ(size, 16U);
    EXPECT_GE(sd_bus_reply_method_return(call, "o", "/machine"), 0);
  });
  const auto bus = Bus::connect_daemon(socket(), 10 * kSecond);
  ASSERT_TRUE(ok(bus));
  EXPECT_TRUE(ok(register_machine(*bus, {.name = "agena-x",
                                         .id = *Uuid::parse("11111111-2222-4333-8444-5555555555ab"),
                                         .service = "agena",
                                         .leader = 99,
                                         .root = "/pod/rootfs"})));
  EXPECT_EQ(seen, "RegisterMachineWithNetwork agena-x agena container 99 /pod/rootfs ab");
}

TEST_F(HostCalls, NobodyToAskIsToldApart) {
  struct Row {
    const char* name;
    ErrorKind kind;
  };
  for (const Row& row : {Row{"org.freedesktop.DBus.Error.ServiceUnknown", ErrorKind::kNotFound},
                         Row{"org.freedesktop.machine1.NoSuchMachine", ErrorKind::kNotFound},
                         Row{"org.freedesktop.DBus.Error.UnknownMethod", ErrorKind::kUnsupported},
                         Row{"org.freedesktop.DBus.Error.AccessDenied", ErrorKind::kSystem}}) {
    const auto done = unregister_with([&](sd_bus*, sd_bus_message* call) {
      EXPECT_GE(sd_bus_reply_method_errorf(call, row.name, "no"), 0);
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), row.kind) << row.name;
    EXPECT_EQ(done.error().to_string(), "UnregisterMachine: no");
    ASSERT_EQ(::unlink(socket().c_str()), 0);
  }
}

TEST_F(HostCalls, NobodyListens) {
  const auto bus = Bus::connect_manager(socket(), kSecond);
  ASSERT_FALSE(bus);
  EXPECT_EQ(bus.error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace agena::stage1
