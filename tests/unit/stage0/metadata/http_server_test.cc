// The server against requests as they come over a wire: whole, in pieces, too large, and not HTTP at all.
#include "stage0/metadata/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kMaxBody = 1000;

class Server : public testing::Test {
 protected:
  // No test waits for that long: what ends, ends by itself.
  void SetUp() override { start(std::chrono::minutes(10)); }

  void start(std::chrono::milliseconds time) {
    server_.reset();
    address_ = {};
    sys::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    ASSERT_EQ(::bind(listener.get(), generic(), sizeof address_), 0);
    ASSERT_EQ(::getsockname(listener.get(), generic(), &length), 0);
    ASSERT_EQ(::listen(listener.get(), 16), 0);
    auto server = HttpServer::start(
        std::move(listener), {.max_body = kMaxBody, .connections_of_loopback = 4, .time = time},
        [](const MetadataRequest& request) {
          return request.path == "/open" ? std::nullopt
                                         : std::optional(MetadataAnswer{.status = 401, .body = "not you\n"});
        },
        [](const MetadataRequest& request) {
          return MetadataAnswer{
              .status = 200,
              .body = fmt::format("{}|{}|{}|{}|{}|{}|{}", request.method, request.path, request.query,
                                  request.flavor, request.content_type, request.body,
                                  request.source ? request.source->to_string() : ""),
              .port = 7};
        });
    ASSERT_TRUE(server) << server.error().to_string();
    server_.emplace(std::move(*server));
  }

  sys::UniqueFd connect() {
    sys::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(socket.get(), generic(), sizeof address_), 0);
    return socket;
  }

  static std::string rest(const sys::UniqueFd& socket) {
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;)
      text.append(buffer, static_cast<std::size_t>(got));
    return text;
  }

  std::string ask(const std::string& bytes) {
    const sys::UniqueFd socket = connect();
    (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return rest(socket);
  }

  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }
  sockaddr_in address_{};
  std::optional<HttpServer> server_;
};

TEST_F(Server, PassesOnWhatCame) {
  const std::string answer =
      ask("POST /open?x=%20&y HTTP/1.1\r\nHost: h\r\nmetadata-flavor: AppContainer\r\n"
          "Content-Type: text/x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("POST|/open|x=%20&y|AppContainer|text/x|hello|127.0.0.1"));
  EXPECT_THAT(answer, HasSubstr("Agena-Metadata-Port: 7\r\n"));
  EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(ask("GET /a%20b/../c HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("GET|/a%20b/../c||"));
}

// Whoever asks waits for the answer without having sent any of it.
TEST_F(Server, RefusesBodiesBeforeTheyCome) {
  for (const char* method : {"POST", "PUT", "GET", "DELETE"}) {
    for (const char* body : {"Content-Length: 900", "Transfer-Encoding: chunked"}) {
      const std::string head = fmt::format("{} /closed HTTP/1.1\r\nHost: h\r\n{}\r\n", method, body);
      EXPECT_THAT(ask(head + "\r\n"), StartsWith("HTTP/1.1 401 ")) << head;
      EXPECT_THAT(ask(head + "Expect: 100-continue\r\n\r\n"), StartsWith("HTTP/1.1 401 ")) << head;
    }
  }
  EXPECT_THAT(ask("POST /closed HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
              HasSubstr("POST|/closed|"));
  EXPECT_THAT(ask("POST /closed HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("POST|/closed|"));
}

TEST_F(Server, BoundsBodies) {
  const std::string head = "PUT /open HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  const std::string most(kMaxBody, 'x');
  EXPECT_THAT(ask(head + "Content-Length: 1000\r\n\r\n" + most), HasSubstr(most));
  EXPECT_THAT(ask(head + "Content-Length: 1001\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(head + "Content-Length: 99999999999999999999\r\n\r\n"), StartsWith("HTTP/1.1 4"));
  EXPECT_THAT(ask(head + "Content-Length: -1\r\n\r\n"), StartsWith("HTTP/1.1 4"));
  EXPECT_THAT(ask(head + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + most + "\r\n0\r\n\r\n"),
              HasSubstr(most));
  EXPECT_EQ(ask(head + "Transfer-Encoding: chunked\r\n\r\n3e9\r\nx" + most + "\r\n0\r\n\r\n"), "");
}

TEST_F(Server, BoundsHeaders) {
  const std::string long_one(64U << 10U, 'x');
  EXPECT_THAT(ask("GET /" + long_one + " HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 4"));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: h\r\nX: " + long_one + "\r\n\r\n"), StartsWith("HTTP/1.1 4"));
}

TEST_F(Server, OutlivesWhatIsNoHttp) {
  std::vector<sys::UniqueFd> open;
  for (const std::string& bytes : {std::string(100, '\0'), std::string("GET\r\n\r\n"),
                                   std::string("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", 15)}) {
    open.push_back(connect());
    (void)::send(open.back().get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  EXPECT_THAT(ask("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Server, BoundsConnectionsOfOnePeer) {
  start(std::chrono::seconds(10));
  std::vector<sys::UniqueFd> silent;
  for (int i = 0; i < 4; ++i) {
    silent.push_back(connect());
    // The last one, which goes first, sends nothing: the library does not see an end that comes together with
    // a part of a request, and waits for the deadline.
    if (i == 3) break;
    ASSERT_EQ(::send(silent.back().get(), "G", 1, MSG_NOSIGNAL), 1);
  }
  // One more gets no answer while they are there.
  EXPECT_EQ(ask("GET / HTTP/1.0\r\n\r\n"), "");
  silent.pop_back();
  // That one has gone is noticed soon, not at once.
  std::string answer;
  while ((answer = ask("GET / HTTP/1.0\r\n\r\n")).empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

TEST_F(Server, ClosesWhoIsSilent) {
  start(std::chrono::milliseconds(100));
  const sys::UniqueFd nothing = connect();
  const sys::UniqueFd something = connect();
  ASSERT_EQ(::send(something.get(), "G", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(rest(nothing), "");
  EXPECT_EQ(rest(something), "");
}

TEST_F(Server, ClosesWhoNeverEnds) {
  start(std::chrono::milliseconds(100));
  for (const std::string head :
       {"GET / HTTP/1.0\r\nX: ", "PUT /open HTTP/1.0\r\nContent-Length: 900\r\n\r\n"}) {
    const sys::UniqueFd slow = connect();
    (void)::send(slow.get(), head.data(), head.size(), MSG_NOSIGNAL);
    // Never silent for long, and never so much that it would be too large.
    int sent = 0;
    bool closed = false;
    for (; sent < 800 && !closed; ++sent) {
      (void)::send(slow.get(), "x", 1, MSG_NOSIGNAL);
      pollfd waiting{.fd = slow.get(), .events = POLLIN, .revents = 0};
      closed = ::poll(&waiting, 1, 20) > 0;
    }
    EXPECT_TRUE(closed) << head;
    EXPECT_EQ(rest(slow), "");
  }
}

}  // namespace
}  // namespace agena::stage0
