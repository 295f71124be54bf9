// Programs against a hub: streams, terminals, failure reports, and the recorder.
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "common/base/strings.h"
#include "common/stage2/exit_codes.h"
#include "common/stage2/hub_protocol.h"
#include "common/stage2/recorder.h"
#include "common/sys/fs.h"
#include "common/sys/tty.h"
#include "common/sys/unix_socket.h"
#include "tests/integration/stage2/launch_fixture.h"

namespace agena::stage2 {
namespace {

using test::ok;

// A hub for one connection: answers the first request, then collects what else comes until the end. In a
// thread, because the fixture waits for the child.
class OneHub {
 public:
  using Answer = std::function<void(int connection, const HubRequest& request)>;

  OneHub(const sys::DirFd& dir, Answer answer) : answer_(std::move(answer)) {
    auto listener = sys::listen_seqpacket(dir, "hub", 0600);
    EXPECT_TRUE(ok(listener));
    if (!listener) return;
    listener_ = *std::move(listener);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneHub() { finish(); }

  // All requests of the connection, in order.
  const std::vector<HubRequest>& finish() {
    if (thread_.joinable()) thread_.join();
    return requests_;
  }

 private:
  void serve() {
    // A child that never comes must not hang the test.
    pollfd waited{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waited, 1, 20'000) != 1) return;
    const auto connection = sys::accept_connection(listener_.get());
    if (!connection || !*connection) return;
    while (true) {
      const auto message = sys::receive_message((*connection)->get(), kMaxHubMessage, 20 * kSecond);
      if (!message || !*message) return;
      const auto request = parse_hub_request((*message)->bytes);
      if (!request) return;
      requests_.push_back(*request);
      if (requests_.size() == 1) answer_((*connection)->get(), *request);
    }
  }

  Answer answer_;
  sys::UniqueFd listener_;
  std::vector<HubRequest> requests_;
  std::thread thread_;
};

void reply(int connection, const HubReply& answer, std::span<const int> fds = {}) {
  EXPECT_TRUE(ok(sys::send_message(connection, render_hub_reply(answer), fds)));
}

const HubHello& hello_of(const HubRequest& request) { return std::get<HubHello>(request); }

class HubTest : public LaunchTest {
 protected:
  LaunchPlan hub_plan(Stdio stdio) const {
    LaunchPlan plan = probe_plan();
    plan.stdio = stdio;
    plan.hub_socket = dir_.path() + "/hub";
    return plan;
  }
};

TEST_F(HubTest, StreamsComeAsPipesThatBelongToTheUser) {
  auto out = sys::make_pipe();
  auto error = sys::make_pipe();
  ASSERT_TRUE(ok(out) && ok(error));
  OneHub hub(dir_.dir(), [&](int connection, const HubRequest& request) {
    const std::array fds = {out->write.get(), error->write.get()};
    reply(connection, HubStreams{hello_of(request).streams, {}}, fds);
  });
  LaunchPlan plan = hub_plan({StreamMode::kNull, StreamMode::kHub, StreamMode::kHub});
  plan.user = "33";
  const Outcome outcome = launch_in_child(plan);
  EXPECT_EQ(outcome.exit_code, 7) << outcome.text;
  EXPECT_EQ(outcome.output, "");
  const auto& requests = hub.finish();
  ASSERT_EQ(requests.size(), 1U) << "a start that works has nothing more to tell";
  EXPECT_EQ(hello_of(requests[0]).app, "probe");
  EXPECT_EQ(hello_of(requests[0]).role, Role::kApp);
  EXPECT_EQ(hello_of(requests[0]).streams, (std::vector{HubStream::kStdout, HubStream::kStderr}));
  out->write.reset();
  Outcome told;
  told.output = sys::read_all(out->read.get()).value_or("");
  EXPECT_TRUE(told.tells("fd0=character owner=0 tty=0 device=259")) << told.output;
  EXPECT_TRUE(told.tells("fd1=pipe owner=33 tty=0 device=0"));
  EXPECT_TRUE(told.tells("fd2=pipe owner=33 tty=0 device=0"));
  EXPECT_TRUE(told.tells("fds=0 1 2"));
}

TEST_F(HubTest, ATerminalBecomesTheControllingOne) {
  const auto devpts = sys::open_dir("/dev/pts");
  ASSERT_TRUE(ok(devpts));
  auto terminal = sys::open_pseudo_terminal(*devpts);
  ASSERT_TRUE(ok(terminal));
  OneHub hub(dir_.dir(), [&](int connection, const HubRequest& request) {
    const std::array fds = {terminal->slave.get()};
    reply(connection, HubStreams{hello_of(request).streams, {}}, fds);
  });
  LaunchPlan plan = hub_plan({StreamMode::kTty, StreamMode::kTty, StreamMode::kInherit});
  plan.user = "33";
  ASSERT_TRUE(ok(sys::set_window_size(terminal->slave.get(), {24, 80, 0, 0})));
  // The probe tells little enough for the terminal's buffer.
  const Outcome outcome = launch_in_child(plan);
  EXPECT_EQ(outcome.exit_code, 7) << outcome.text << outcome.output;
  EXPECT_EQ(hello_of(hub.finish().at(0)).streams, (std::vector{HubStream::kTty}));
  std::string output(60'000, '\0');
  ASSERT_EQ(::fcntl(terminal->master.get(), F_SETFL, O_NONBLOCK), 0);
  std::string told;
  for (ssize_t n = 1; n > 0;) {
    n = ::read(terminal->master.get(), output.data(), output.size());
    if (n > 0) told.append(output, 0, static_cast<std::size_t>(n));
  }
  EXPECT_NE(told.find("controlling=1"), std::string::npos) << told;
  EXPECT_NE(told.find("fd0=character owner=33 tty=1"), std::string::npos) << told;
  EXPECT_NE(told.find("fd1=character owner=33 tty=1"), std::string::npos);
  EXPECT_NE(told.find("fd2=pipe owner=0 tty=0"), std::string::npos);
}

TEST_F(HubTest, WhatIsNoTerminalCannotBeTheControllingOne) {
  auto pipe = sys::make_pipe();
  ASSERT_TRUE(ok(pipe));
  OneHub hub(dir_.dir(), [&](int connection, const HubRequest& request) {
    const std::array fds = {pipe->write.get()};
    reply(connection, HubStreams{hello_of(request).streams, {}}, fds);
  });
  const Outcome outcome =
      launch_in_child(hub_plan({StreamMode::kInherit, StreamMode::kTty, StreamMode::kInherit}));
  EXPECT_EQ(outcome.step, "controlling terminal") << outcome.text;
  EXPECT_EQ(outcome.exit_code, kExitStdio);
  EXPECT_TRUE(outcome.told_hub);
  const auto& requests = hub.finish();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(
      std::get<HubFailed>(requests[1]),
      (HubFailed{.app = "probe",
                 .role = Role::kApp,
                 .text = "cannot start app 'probe': controlling terminal: making a terminal the controlling "
                         "one: inappropriate ioctl for device",
                 .exit_code = kExitStdio}));
}

TEST_F(HubTest, AStreamThatCannotBeGivenAwayIsAnError) {
  auto pipe = sys::make_pipe();
  ASSERT_TRUE(ok(pipe));
  OneHub hub(dir_.dir(), [&](int connection, const HubRequest& request) {
    const std::array fds = {pipe->write.get()};
    reply(connection, HubStreams{hello_of(request).streams, {}}, fds);
  });
  LaunchPlan plan = hub_plan({StreamMode::kInherit, StreamMode::kInherit, StreamMode::kHub});
  plan.user = "33";
  const Outcome outcome = launch_in_child(plan, [] { give_up_capability(CAP_CHOWN); });
  EXPECT_EQ(outcome.step, "owner of the standard streams");
  EXPECT_EQ(
      outcome.text,
      "cannot start app 'probe': owner of the standard streams: changing the owner of descriptor 2 to 33: "
      "operation not permitted");
  EXPECT_TRUE(outcome.told_hub);
}

TEST_F(HubTest, AFailureBehindTheDescriptorsIsStillTold) {
  OneHub hub(dir_.dir(), [&](int connection, const HubRequest&) { reply(connection, HubStreams{{}, {}}); });
  ASSERT_TRUE(ok(sys::write_file(root_, "bin/it", "no program", 0755)));
  LaunchPlan plan = hub_plan({});
  plan.role = Role::kPreStart;
  plan.argv = {"it"};
  plan.user = "33";
  plan.bounding_set = sys::CapabilitySet();
  const Outcome outcome = launch_in_child(plan);
  EXPECT_TRUE(outcome.told_hub);
  const auto& requests = hub.finish();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(
      std::get<HubFailed>(requests[1]),
      (HubFailed{.app = "probe",
                 .role = Role::kPreStart,
                 .text = "cannot start the pre-start handler of app 'probe': '/bin/it' is neither a program "
                         "nor a script with a '#!' line",
                 .exit_code = kExitCannotExecute}));
}

TEST_F(HubTest, ARefusalAndASilentEndAreErrors) {
  {
    OneHub hub(dir_.dir(),
               [&](int connection, const HubRequest&) { reply(connection, HubRefused{"no app"}); });
    EXPECT_EQ(launch_in_child(hub_plan({})).text,
              "cannot start app 'probe': standard streams: asking the pod's hub for streams: the hub "
              "refused: no app");
  }
  ASSERT_TRUE(ok(sys::remove_file(dir_.dir(), "hub")));
  {
    OneHub hub(dir_.dir(), [&](int connection, const HubRequest&) { ::shutdown(connection, SHUT_RDWR); });
    const Outcome outcome = launch_in_child(hub_plan({}));
    EXPECT_EQ(
        outcome.text,
        "cannot start app 'probe': standard streams: asking the pod's hub for streams: the hub closed the "
        "connection without an answer");
    EXPECT_FALSE(outcome.told_hub);
  }
  ASSERT_TRUE(ok(sys::remove_file(dir_.dir(), "hub")));
  OneHub hub(dir_.dir(), [&](int connection, const HubRequest& request) {
    reply(connection, HubStreams{hello_of(request).streams, {}});
  });
  EXPECT_EQ(launch_in_child(hub_plan({StreamMode::kHub, StreamMode::kInherit, StreamMode::kInherit})).text,
            "cannot start app 'probe': standard streams: asking the pod's hub for streams: wanted 1, got 1 "
            "and 0 sockets with 0 "
            "descriptors");
}

TEST_F(HubTest, TheRecorderLeavesWhenTheStatusIsRecorded) {
  ::setenv("SERVICE_RESULT", "exit-code", 1);
  ::setenv("EXIT_CODE", "exited", 1);
  ::setenv("EXIT_STATUS", "3", 1);
  OneHub hub(dir_.dir(), [&](int connection, const HubRequest&) { reply(connection, HubRecorded{}); });
  EXPECT_TRUE(ok(record_end("redis", dir_.path() + "/hub", false)));
  EXPECT_EQ(
      std::get<HubEnded>(hub.finish().at(0)),
      (HubEnded{.app = "redis", .service_result = "exit-code", .exit_code = "exited", .exit_status = "3"}));
}

TEST_F(HubTest, TheRecorderTellsWhenNobodyRecords) {
  EXPECT_FALSE(record_end("redis", dir_.path() + "/hub", false));
  OneHub hub(dir_.dir(),
             [&](int connection, const HubRequest&) { reply(connection, HubRefused{"disk full"}); });
  const auto refused = record_end("redis", dir_.path() + "/hub", false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().to_string(), "telling the pod's hub: the hub refused: disk full");
}

}  // namespace
}  // namespace agena::stage2
