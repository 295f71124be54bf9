// Orders to the supervisor of a mutable pod: messages, the socket that takes them, workers, and the book of
// apps that come and go.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/contract/pod_paths.h"
#include "common/sys/event_loop.h"
#include "common/sys/fs.h"
#include "common/sys/unix_socket.h"
#include "stage1/apps/order_protocol.h"
#include "stage1/apps/order_server.h"
#include "stage1/apps/pod_worker.h"
#include "stage1/run/app_ends.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using test::ok;

TEST(OrderProtocol, OrdersThereAndBack) {
  for (const Order& order : {Order{.kind = OrderKind::kAdd, .app = "web", .manifest = "pod.next"},
                             Order{.kind = OrderKind::kStop, .app = "web", .grace = Nanoseconds{0}},
                             Order{.kind = OrderKind::kStop, .app = "web", .grace = 90 * kSecond},
                             Order{.kind = OrderKind::kRemove, .app = "web"}}) {
    const auto read = parse_order(render_order(order));
    ASSERT_TRUE(ok(read)) << name_of(order.kind);
    EXPECT_EQ(*read, order);
  }
}

TEST(OrderProtocol, OtherOrdersAreRefused) {
  for (const char* text :
       {"", "{}", "[]", R"({"order":"start"})", R"({"app":"web"})", R"({"order":"paint","app":"web"})",
        R"({"order":1,"app":"web"})", R"({"order":"stop","app":"web","grace":-1})",
        R"({"order":"stop","app":"web","grace":"1s"})", R"({"order":"stop","app":["web"]})"})
    EXPECT_FALSE(parse_order(text).has_value()) << text;
}

TEST(OrderProtocol, AnswersThereAndBack) {
  const OrderAnswer answer{.error = "no \"room\"", .warnings = {"one", "two"}};
  EXPECT_EQ(parse_order_answer(render_order_answer(answer)).value(), answer);
  EXPECT_EQ(parse_order_answer(render_order_answer({})).value(), OrderAnswer());
}

TEST(OrderProtocol, LongTextsAreCut) {
  const OrderAnswer answer{.error = std::string(100'000, 'x'),
                           .warnings = std::vector<std::string>(100, std::string(9'000, '\x01'))};
  const std::string bytes = render_order_answer(answer);
  EXPECT_LT(bytes.size(), kMaxOrderMessage);
  const auto read = parse_order_answer(bytes);
  ASSERT_TRUE(ok(read));
  EXPECT_TRUE(read->error.starts_with("xxx"));
  EXPECT_FALSE(read->warnings.empty());
}

class OrderServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "orders are taken from root only";
    auto opened = OrderServer::open(loop_, top_.dir(), [this](const Order& order, const ClientRef& client) {
      orders_.push_back(order);
      client_ = client;
      loop_.quit();
      return Result<>();
    });
    ASSERT_TRUE(ok(opened));
    server_ = std::move(*opened);
  }

  sys::UniqueFd send(std::string_view bytes) {
    auto socket = sys::connect_seqpacket(top_.dir(), contract::pod_paths::kControl).value();
    EXPECT_TRUE(ok(sys::send_message(socket.get(), bytes)));
    return socket;
  }

  // Lets the server do what there is to do.
  void run_for_a_moment() {
    loop_.set_deadline(monotonic_now() + kSecond / 20, [this]() -> Result<> {
      loop_.quit();
      return {};
    });
    EXPECT_TRUE(ok(loop_.run()));
  }

  test::TempDir top_;
  sys::EventLoop loop_ = sys::EventLoop::create().value();
  std::unique_ptr<OrderServer> server_;
  std::vector<Order> orders_;
  ClientRef client_;
};

TEST_F(OrderServerTest, AnswerCarriesWarningsAndError) {
  const auto socket = send(render_order({.kind = OrderKind::kStart, .app = "web"}));
  ASSERT_TRUE(ok(loop_.run()));
  ASSERT_EQ(orders_.size(), 1U);
  client_->warn({"slow"});
  client_->answer(fail(ErrorKind::kBusy, "in use"));
  client_->answer({});  // the first counts
  const auto message = sys::receive_message(socket.get(), kMaxOrderMessage, kSecond);
  ASSERT_TRUE(ok(message));
  ASSERT_TRUE(*message);
  EXPECT_EQ(parse_order_answer((*message)->bytes).value(),
            (OrderAnswer{.error = "in use", .warnings = {"slow"}}));
}

TEST_F(OrderServerTest, NonsenseIsAnsweredAndNobodyElseHearsOfIt) {
  const auto socket = send("nonsense");
  run_for_a_moment();
  EXPECT_TRUE(orders_.empty());
  const auto message = sys::receive_message(socket.get(), kMaxOrderMessage, kSecond);
  ASSERT_TRUE(ok(message));
  ASSERT_TRUE(*message);
  EXPECT_FALSE(parse_order_answer((*message)->bytes).value().error.empty());
}

TEST_F(OrderServerTest, WhoGoesAwayDoesNotTakeTheOrderBack) {
  send(render_order({.kind = OrderKind::kStart, .app = "web"})).reset();
  ASSERT_TRUE(ok(loop_.run()));
  EXPECT_EQ(orders_.size(), 1U);
  client_->answer({});
}

TEST_F(OrderServerTest, DroppedClientsSeeTheEnd) {
  const auto socket = send(render_order({.kind = OrderKind::kStop, .app = "web"}));
  ASSERT_TRUE(ok(loop_.run()));
  client_.reset();
  const auto message = sys::receive_message(socket.get(), kMaxOrderMessage, kSecond);
  ASSERT_TRUE(ok(message));
  EXPECT_FALSE(*message);
}

TEST_F(OrderServerTest, TheSocketOfAnEarlierRunIsReplaced) {
  server_.reset();
  ASSERT_TRUE(sys::exists(top_.dir(), contract::pod_paths::kControl).value());
  EXPECT_TRUE(ok(OrderServer::open(loop_, top_.dir(), {})));
}

class PodWorkerTest : public ::testing::Test {
 protected:
  // What a worker with this body tells.
  std::string run(const std::function<Result<>()>& body) {
    std::string told = "nothing";
    auto worker = PodWorker::start(loop_, body, [&](const Result<>& result) -> Result<> {
      told = result ? "done" : result.error().to_string();
      loop_.quit();
      return {};
    });
    EXPECT_TRUE(ok(worker));
    EXPECT_TRUE(ok(loop_.run()));
    return told;
  }
  sys::EventLoop loop_ = sys::EventLoop::create().value();
};

TEST_F(PodWorkerTest, TellsHowItWent) {
  EXPECT_EQ(run([] { return Result<>(); }), "done");
  EXPECT_EQ(run([]() -> Result<> { return fail(ErrorKind::kSystem, "no disk"); }), "no disk");
  EXPECT_EQ(run([]() -> Result<> {
              (void)::raise(SIGKILL);
              return {};
            }),
            "the process that was to do it ended with signal 9");
}

TEST_F(PodWorkerTest, DroppedItIsGone) {
  sys::Pipe pipe = sys::make_pipe().value();
  auto worker = PodWorker::start(loop_,
                                 [&]() -> Result<> {
                                   pipe.read.reset();
                                   ::pause();
                                   return {};
                                 },
                                 {});
  ASSERT_TRUE(ok(worker));
  worker->reset();
  pipe.write.reset();
  // Nobody else has the other end open.
  EXPECT_EQ(sys::read_all(pipe.read.get()).value(), "");
}

TEST(AppEndsOfMembers, ComeAndGo) {
  AppEnds ends({});
  EXPECT_TRUE(ends.all_ended());
  ends.add_member("web");
  EXPECT_TRUE(ends.knows("web"));
  EXPECT_TRUE(ends.has_ended("web"));
  EXPECT_TRUE(ends.all_ended());
  ends.begin_member("web");
  ends.begin_member("web");  // counts once
  EXPECT_FALSE(ends.all_ended());
  ends.note_start("web");
  EXPECT_EQ(ends.unaccounted(), std::vector<std::string>{"web"});
  // A failing app does not end the pod, nor give it its code.
  EXPECT_FALSE(ends.note("web", 7));
  EXPECT_TRUE(ends.all_ended());
  EXPECT_EQ(ends.pod_code(), 0);
  ends.begin_member("web");
  EXPECT_FALSE(ends.has_started("web"));
  EXPECT_FALSE(ends.note("web", 0));
  ends.remove_member("web");
  EXPECT_FALSE(ends.knows("web"));
  EXPECT_TRUE(ends.all_ended());
}

TEST(AppEndsOfMembers, SignalsHaveNames) {
  EXPECT_EQ(signal_of({"a", "signal", "killed", "KILL"}), "SIGKILL");
  EXPECT_EQ(signal_of({"a", "core-dump", "dumped", "SEGV"}), "SIGSEGV");
  EXPECT_EQ(signal_of({"a", "exit-code", "exited", "9"}), "");
  EXPECT_EQ(signal_of({"a", "resources", "", ""}), "");
}

}  // namespace
}  // namespace agena::stage1
