// Orders to the agent of a mutable pod, against one that the test plays itself.
#include "stage1/apps/manager_link.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <csignal>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/unix_socket.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using test::ok;

TEST(ManagerProtocol, OrdersThereAndBack) {
  const std::vector<std::pair<ManagerOrder, std::string>> orders = {
      {{7, ManagerVerb::kStart, "web.service", 0}, "7 start web.service"},
      {{8, ManagerVerb::kStop, "web.service", 0}, "8 stop web.service"},
      {{9, ManagerVerb::kKill, "a-b.service", SIGKILL}, "9 kill a-b.service 9"},
      {{10, ManagerVerb::kReload, "", 0}, "10 reload"},
  };
  for (const auto& [order, text] : orders) {
    EXPECT_EQ(render_manager_order(order), text);
    const auto read = parse_manager_order(text);
    ASSERT_TRUE(ok(read));
    EXPECT_EQ(*read, order);
  }
}

TEST(ManagerProtocol, OtherOrdersAreRefused) {
  for (const char* text : {"", "1", "x start a.service", "1 begin a.service", "1 start", "1 start a b",
                           "1 start ", "1 start ../a.service", "1 start a\n.service", "1 kill a.service",
                           "1 kill a.service 0", "1 kill a.service 65", "1 reload a.service", "-1 reload"})
    EXPECT_FALSE(parse_manager_order(text).has_value()) << text;
  EXPECT_FALSE(parse_manager_order("1 start " + std::string(300, 'a')).has_value());
}

TEST(ManagerProtocol, AnswersThereAndBack) {
  EXPECT_EQ(render_manager_answer({3, {}}), "3 ok");
  ASSERT_TRUE(ok(parse_manager_answer("3 ok")));
  EXPECT_TRUE(parse_manager_answer("3 ok")->result.has_value());
  const ManagerAnswer refused{4, fail(ErrorKind::kNotFound, "no unit 'a b'")};
  EXPECT_EQ(render_manager_answer(refused), "4 error not-found no unit 'a b'");
  const auto read = parse_manager_answer("4 error not-found no unit 'a b'");
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(read->id, 4U);
  EXPECT_EQ(read->result.error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(read->result.error().to_string(), "no unit 'a b'");
}

TEST(ManagerProtocol, OtherAnswersAreRefused) {
  for (const char* text : {"", "ok", "1", "1 okay", "1 error", "1 error strange text", "x ok"})
    EXPECT_FALSE(parse_manager_answer(text).has_value()) << text;
}

TEST(ManagerProtocol, LongTextsAreCut) {
  const ManagerAnswer refused{5, fail(ErrorKind::kSystem, "{}", std::string(10'000, 'x'))};
  const std::string text = render_manager_answer(refused);
  EXPECT_LE(text.size(), kMaxManagerMessage);
  EXPECT_TRUE(ok(parse_manager_answer(text)));
}

class Link : public ::testing::Test {
 protected:
  Link() : loop_(*sys::EventLoop::create()), link_(loop_) {}

  // Another agent says hello; what it reads and says is on the descriptor.
  sys::UniqueFd connect() {
    auto [ours, theirs] = *sys::seqpacket_pair();
    EXPECT_TRUE(ok(link_.connected(std::move(ours))));
    return std::move(theirs);
  }
  // What became of an order goes into answers_, behind a name.
  ManagerLink::Done note(std::string name) {
    return [this, name = std::move(name)](const Result<>& answer) -> Result<> {
      answers_.push_back(name + ": " + (answer ? "ok" : answer.error().to_string()));
      return {};
    };
  }
  // Lets the loop handle what is pending.
  void turn() {
    loop_.add_timer(monotonic_now() + kSecond / 100, [this]() -> Result<> {
      loop_.quit();
      return {};
    });
    EXPECT_TRUE(ok(loop_.run()));
  }
  static std::string read(const sys::UniqueFd& agent) {
    const auto message = sys::receive_message(agent.get(), kMaxManagerMessage, 0);
    if (!message) return "nothing";
    return *message ? (*message)->bytes : "end of file";
  }
  static void say(const sys::UniqueFd& agent, std::string_view text) {
    EXPECT_TRUE(ok(sys::send_message(agent.get(), text)));
  }

  using Strings = std::vector<std::string>;
  static constexpr const char* kGone = "the pod's agent ended before it had answered; try again";
  sys::EventLoop loop_;
  Strings answers_;
  ManagerLink link_;
};

TEST_F(Link, CarriesOrdersAndAnswersInAnyOrder) {
  const sys::UniqueFd agent = connect();
  EXPECT_TRUE(link_.is_connected());
  link_.start_unit("a.service", note("a"));
  link_.kill_unit("b.service", SIGTERM, note("b"));
  EXPECT_EQ(read(agent), "1 start a.service");
  EXPECT_EQ(read(agent), "2 kill b.service 15");
  say(agent, "2 error not-found no such unit");
  say(agent, "1 ok");
  say(agent, "1 ok");  // nobody waits for it
  turn();
  EXPECT_EQ(answers_, (Strings{"b: no such unit", "a: ok"}));
}

TEST_F(Link, OrdersWaitForTheAgent) {
  link_.stop_unit("a.service", note("a"));
  link_.reload(note("reload"));
  turn();
  EXPECT_FALSE(link_.is_connected());
  const sys::UniqueFd agent = connect();
  EXPECT_EQ(read(agent), "1 stop a.service");
  EXPECT_EQ(read(agent), "2 reload");
  say(agent, "1 ok");
  say(agent, "2 ok");
  turn();
  EXPECT_EQ(answers_, (Strings{"a: ok", "reload: ok"}));
}

TEST_F(Link, StartsAndStopsGoToTheNextAgentOnce) {
  sys::UniqueFd agent = connect();
  link_.start_unit("a.service", note("a"));
  link_.kill_unit("a.service", SIGKILL, note("kill"));
  agent.reset();
  turn();
  EXPECT_FALSE(link_.is_connected());
  EXPECT_EQ(answers_, Strings{std::string("kill: ") + kGone});
  link_.kill_unit("b.service", SIGKILL, note("late kill"));
  agent = connect();
  EXPECT_EQ(read(agent), "1 start a.service");
  EXPECT_EQ(read(agent), "3 kill b.service 9");
  say(agent, "3 ok");
  turn();
  agent.reset();
  turn();
  EXPECT_EQ(answers_, (Strings{std::string("kill: ") + kGone, "late kill: ok", std::string("a: ") + kGone}));
}

TEST_F(Link, ANewAgentTakesThePlaceOfAnOlderOne) {
  const sys::UniqueFd older = connect();
  link_.stop_unit("a.service", note("a"));
  EXPECT_EQ(read(older), "1 stop a.service");
  const sys::UniqueFd newer = connect();
  EXPECT_EQ(read(older), "end of file");
  EXPECT_EQ(read(newer), "1 stop a.service");
  say(newer, "1 ok");
  turn();
  EXPECT_EQ(answers_, Strings{"a: ok"});
}

TEST_F(Link, AnAgentThatIsNotUnderstoodIsLetGo) {
  const sys::UniqueFd agent = connect();
  say(agent, "hello");
  turn();
  EXPECT_FALSE(link_.is_connected());
}

TEST_F(Link, AnAgentThatDoesNotReadHoldsNobodyUp) {
  const sys::UniqueFd agent = connect();
  constexpr int kMany = 5000;  // more than a socket takes
  for (int i = 0; i < kMany; ++i) link_.start_unit("a.service", note("a"));
  turn();
  int read_orders = 0;
  for (int idle = 0; read_orders < kMany && idle < 100; ++idle) {
    for (std::string text = read(agent); text != "nothing"; text = read(agent)) {
      EXPECT_EQ(text, fmt::format("{} start a.service", ++read_orders));
      idle = 0;
    }
    turn();
  }
  EXPECT_EQ(read_orders, kMany);
}

TEST_F(Link, AnErrorOfTheOwnerEndsTheLoop) {
  const sys::UniqueFd agent = connect();
  link_.start_unit("a.service",
                   [](const Result<>&) -> Result<> { return fail(ErrorKind::kSystem, "enough"); });
  say(agent, "1 ok");
  const auto ended = loop_.run();
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().to_string(), "enough");
}

}  // namespace
}  // namespace agena::stage1
