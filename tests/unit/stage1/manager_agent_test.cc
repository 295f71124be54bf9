// The agent of a mutable pod, between a supervisor that the test plays and a peer that answers as systemd.
#include "stage1/bus/manager.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <mutex>
#include <thread>
#include <vector>

#include "common/sys/unix_socket.h"
#include "stage1/apps/manager_protocol.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stage1/bus_peer.h"

namespace agena::stage1 {
namespace {

using test::ok;
using test::TempDir;
using Strings = std::vector<std::string>;

// Method and operands of a call.
std::string shown(sd_bus_message* call) {
  std::string text = sd_bus_message_get_member(call);
  char type = 0;
  while (sd_bus_message_peek_type(call, &type, nullptr) > 0) {
    const char* word = nullptr;
    std::int32_t number = 0;
    if (type == 's' && sd_bus_message_read(call, "s", &word) > 0) text += std::string(" ") + word;
    if (type == 'i' && sd_bus_message_read(call, "i", &number) > 0) text += " " + std::to_string(number);
    if (type != 's' && type != 'i') break;
  }
  return text;
}

void answer_job(sd_bus_message* call) { EXPECT_GE(sd_bus_reply_method_return(call, "o", "/job/7"), 0); }
void answer_nothing(sd_bus_message* call) { EXPECT_GE(sd_bus_reply_method_return(call, ""), 0); }
void refuse(sd_bus_message* call, const char* name) {
  EXPECT_GE(sd_bus_reply_method_errorf(call, name, "as the test says"), 0);
}
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";

class AgentTest : public ::testing::Test {
 protected:
  // What systemd does with the call that is shown.
  using Reaction = std::function<void(const std::string& call, sd_bus* bus, sd_bus_message* message)>;

  ~AgentTest() override { finish(); }

  void start(Reaction reaction) {
    peer_.emplace(socket(), [this, reaction = std::move(reaction)](sd_bus* bus, sd_bus_message* message) {
      const std::string call = shown(message);
      {
        const std::scoped_lock lock(mutex_);
        calls_.push_back(call);
      }
      reaction(call, bus, message);
    });
    auto [ours, theirs] = *sys::seqpacket_pair();
    supervisor_ = std::move(ours);
    agent_ = std::thread([this, theirs = std::move(theirs)]() mutable {
      ended_ = run_manager_agent(
          {.supervisor = std::move(theirs), .manager_socket = socket(), .unit_dir = temp_.path()});
    });
  }
  void order(std::string_view text) { EXPECT_TRUE(ok(sys::send_message(supervisor_.get(), text))); }
  // The agent's next answer.
  std::string answer() {
    const auto message = sys::receive_message(supervisor_.get(), kMaxManagerMessage, 20 * kSecond);
    if (!message) return message.error().to_string();
    return *message ? (*message)->bytes : "end of file";
  }
  std::string ask(std::string_view text) {
    order(text);
    return answer();
  }
  Strings calls() {
    const std::scoped_lock lock(mutex_);
    return calls_;
  }
  Result<> finish() {
    supervisor_.reset();
    if (agent_.joinable()) agent_.join();
    peer_.reset();
    return ended_;
  }
  std::string socket() const { return temp_.path() + "/private"; }

  TempDir temp_;
  std::mutex mutex_;
  Strings calls_;
  std::optional<Peer> peer_;
  sys::UniqueFd supervisor_;
  std::thread agent_;
  Result<> ended_;
};

TEST_F(AgentTest, AUnitThatSystemdHasForgottenIsStarted) {
  start([](const std::string& call, sd_bus*, sd_bus_message* message) {
    return call.starts_with("GetUnit") ? refuse(message, kNoSuchUnit) : answer_job(message);
  });
  EXPECT_EQ(ask("1 start a.service"), "1 ok");
  EXPECT_EQ(calls(), (Strings{"GetUnit a.service", "StartUnit a.service replace"}));
  EXPECT_TRUE(ok(finish()));
}

// How systemd answers whether the file of a unit has changed.
void answer_known(const std::string& call, sd_bus_message* message, bool stale) {
  if (call.starts_with("GetUnit"))
    EXPECT_GE(sd_bus_reply_method_return(message, "o", "/unit/a"), 0);
  else if (call.starts_with("Get"))
    EXPECT_GE(sd_bus_reply_method_return(message, "v", "b", stale ? 1 : 0), 0);
  else if (call == "Reload")
    answer_nothing(message);
  else
    answer_job(message);
}

TEST_F(AgentTest, AUnitThatIsAsItsFileIsStarted) {
  start(
      [](const std::string& call, sd_bus*, sd_bus_message* message) { answer_known(call, message, false); });
  EXPECT_EQ(ask("1 start a.service"), "1 ok");
  EXPECT_EQ(calls(), (Strings{"GetUnit a.service", "Get org.freedesktop.systemd1.Unit NeedDaemonReload",
                              "StartUnit a.service replace"}));
}

TEST_F(AgentTest, AUnitWhoseFileHasChangedIsReadAgain) {
  start([](const std::string& call, sd_bus*, sd_bus_message* message) { answer_known(call, message, true); });
  EXPECT_EQ(ask("1 start a.service"), "1 ok");
  EXPECT_EQ(calls(), (Strings{"GetUnit a.service", "Get org.freedesktop.systemd1.Unit NeedDaemonReload",
                              "Reload", "StartUnit a.service replace"}));
}

TEST_F(AgentTest, AFileThatSystemdDoesNotSeeIsShownToItOnce) {
  struct stat before{};
  ASSERT_EQ(::stat(temp_.path().c_str(), &before), 0);
  start([](const std::string&, sd_bus*, sd_bus_message* message) { refuse(message, kNoSuchUnit); });
  EXPECT_EQ(ask("1 start a.service"), "1 error not-found a.service: as the test says");
  EXPECT_EQ(calls(),
            (Strings{"GetUnit a.service", "StartUnit a.service replace", "StartUnit a.service replace"}));
  struct stat after{};
  ASSERT_EQ(::stat(temp_.path().c_str(), &after), 0);
  EXPECT_NE(std::pair(before.st_mtim.tv_sec, before.st_mtim.tv_nsec),
            std::pair(after.st_mtim.tv_sec, after.st_mtim.tv_nsec));
}

TEST_F(AgentTest, StopKillAndReload) {
  start([](const std::string& call, sd_bus*, sd_bus_message* message) {
    if (call.starts_with("StopUnit known"))
      answer_job(message);
    else if (call == "GetUnit known.service")
      EXPECT_GE(sd_bus_reply_method_return(message, "o", "/unit/known"), 0);
    else if (call.starts_with("Get org"))
      EXPECT_GE(sd_bus_reply_method_return(message, "v", "s", "deactivating"), 0);
    else if (call == "Reload")
      answer_nothing(message);
    else
      refuse(message, kNoSuchUnit);
  });
  EXPECT_EQ(ask("1 stop known.service"), "1 ok");
  EXPECT_EQ(ask("2 stop forgotten.service"), "2 error not-found unit 'forgotten.service' does not run");
  EXPECT_EQ(ask("3 kill forgotten.service 9"), "3 error not-found forgotten.service: as the test says");
  EXPECT_EQ(ask("4 reload"), "4 ok");
  EXPECT_EQ(calls(),
            (Strings{"StopUnit known.service replace", "GetUnit known.service",
                     "Get org.freedesktop.systemd1.Unit ActiveState", "StopUnit forgotten.service replace",
                     "KillUnit forgotten.service all 9", "Reload"}));
}

TEST_F(AgentTest, AStopThatComesBeforeTheStart) {
  std::atomic<const char*> state = "inactive";
  start([&](const std::string& call, sd_bus*, sd_bus_message* message) {
    if (call.starts_with("GetUnit"))
      EXPECT_GE(sd_bus_reply_method_return(message, "o", "/unit/a"), 0);
    else if (call.starts_with("Get"))
      EXPECT_GE(sd_bus_reply_method_return(message, "v", "s", state.load()), 0);
    else
      answer_job(message);
  });
  EXPECT_EQ(ask("1 stop a.service"), "1 error not-found unit 'a.service' does not run");
  state = "failed";
  EXPECT_EQ(ask("2 stop a.service"), "2 error not-found unit 'a.service' does not run");
  EXPECT_TRUE(ok(finish()));
}

TEST_F(AgentTest, ASlowOrderHoldsUpOnlyItsOwnUnit) {
  sd_bus_message* slow = nullptr;
  start([&](const std::string& call, sd_bus*, sd_bus_message* message) {
    if (call.starts_with("GetUnit a")) {
      slow = sd_bus_message_ref(message);
      return;
    }
    if (call.starts_with("GetUnit b")) return refuse(message, kNoSuchUnit);
    answer_job(message);
    if (!call.starts_with("StopUnit b")) return;
    refuse(slow, kNoSuchUnit);
    sd_bus_message_unref(slow);
  });
  order("1 start a.service");
  order("2 kill a.service 9");
  order("3 stop b.service");
  const std::set<std::string> first = {answer(), answer()};
  EXPECT_EQ(first, (std::set<std::string>{"1 ok", "3 error not-found unit 'b.service' does not run"}));
  EXPECT_EQ(answer(), "2 ok");
  const Strings told = calls();
  EXPECT_EQ((Strings{told.begin(), told.begin() + 2}),
            (Strings{"GetUnit a.service", "StopUnit b.service replace"}));
  EXPECT_EQ(told.back(), "KillUnit a.service all 9");
}

TEST_F(AgentTest, EndsUnansweredWhenSystemdGoesAway) {
  start([](const std::string&, sd_bus* bus, sd_bus_message*) { sd_bus_close(bus); });
  EXPECT_EQ(ask("1 start a.service"), "end of file");
  EXPECT_FALSE(finish().has_value());
}

TEST_F(AgentTest, EndsWhenItDoesNotUnderstand) {
  start([](const std::string&, sd_bus*, sd_bus_message*) {});
  EXPECT_EQ(ask("begin a.service"), "end of file");
  EXPECT_FALSE(finish().has_value());
}

TEST(Agent, SaysHello) {
  const TempDir temp;
  const std::string path = temp.path() + "/hub";
  const auto listener = sys::listen_seqpacket(sys::at_cwd(), path, 0600);
  ASSERT_TRUE(ok(listener));
  const auto connection = join_supervisor(path);
  ASSERT_TRUE(ok(connection));
  const auto accepted = sys::accept_connection(listener->get());
  ASSERT_TRUE(ok(accepted));
  const auto hello = sys::receive_message((*accepted)->get(), 100, 10 * kSecond);
  ASSERT_TRUE(ok(hello));
  EXPECT_EQ((*hello)->bytes, R"({"version":1,"type":"manager"})");
}

}  // namespace
}  // namespace agena::stage1
