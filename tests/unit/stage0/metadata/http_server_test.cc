// The server against requests as they come over a wire: whole, in pieces, too large, and not HTTP at all.
#include "stage0/metadata/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kMaxBody = 1000;

class Server : public testing::Test {
 protected:
  void SetUp() override {
    sys::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    ASSERT_EQ(::bind(listener.get(), generic(), sizeof address_), 0);
    ASSERT_EQ(::getsockname(listener.get(), generic(), &length), 0);
    ASSERT_EQ(::listen(listener.get(), 16), 0);
    auto server = HttpServer::start(
        std::move(listener), {.max_body = kMaxBody, .connections_per_ip = 4, .idle_seconds = 1},
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
  const std::string answer = ask(
      "POST /a%20b/../c?x=%20&y HTTP/1.1\r\nHost: h\r\nConnection: close\r\nmetadata-flavor: AppContainer\r\n"
      "Content-Type: text/x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("POST|/a%20b/../c|x=%20&y|AppContainer|text/x|hello|127.0.0.1"));
  EXPECT_THAT(answer, HasSubstr("Agena-Metadata-Port: 7\r\n"));
  EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n"));
}

TEST_F(Server, BoundsBodies) {
  const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
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
  (void)ask(std::string(100, '\0'));
  (void)ask("GET\r\n\r\n");
  (void)ask("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
  EXPECT_THAT(ask("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Server, ClosesWhoIsSilentAndBoundsConnectionsOfOnePeer) {
  std::vector<sys::UniqueFd> silent;
  for (int i = 0; i < 4; ++i) {
    silent.push_back(connect());
    ASSERT_EQ(::send(silent.back().get(), "G", 1, MSG_NOSIGNAL), 1);
  }
  // One more gets no answer while they are there.
  const std::string fifth = ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(fifth, "");
  for (const sys::UniqueFd& socket : silent) EXPECT_EQ(rest(socket).find("200"), std::string::npos);
  EXPECT_THAT(ask("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace agena::stage0
