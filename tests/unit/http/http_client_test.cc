#include "stage0/http/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"
#include "tests/support/scripted_server.h"

namespace agena::stage0 {
namespace {

using ::agena::test::answer;
using ::agena::test::ScriptedServer;
using ::agena::testing::error_of;
using ::testing::HasSubstr;
using ::testing::Not;

HttpSettings plain(unsigned retries = 2) {
  HttpSettings settings;
  settings.host = [](const Url&) -> Result<HttpHostSettings> {
    return HttpHostSettings{.tls = {}, .allow_plain = true};
  };
  settings.retries = retries;
  settings.stall_timeout = kSecond;
  return settings;
}

TEST(HttpClient, ReadsAnAnswer) {
  ScriptedServer server({answer("200 OK", "hello", "X-Thing: a\r\nx-thing: b\r\n")});
  HttpClient client(plain());
  const HttpResponse response =
      ASSERT_VALUE(client.send({.url = server.url("/p?q=1"), .headers = {{"Accept", "x/y"}}}));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.headers.first("x-thing"), "a");
  EXPECT_EQ(response.headers.each("x-thing").size(), 2U);
  EXPECT_THAT(server.requests().at(0), HasSubstr("GET /p?q=1 HTTP/1.1\r\n"));
  EXPECT_THAT(server.requests().at(0), HasSubstr("Accept: x/y\r\n"));
  EXPECT_THAT(server.requests().at(0), Not(HasSubstr("Accept-Encoding")));
}

TEST(HttpClient, PlainHttpHasToBeAllowed) {
  ScriptedServer server({answer("200 OK", "")});
  HttpClient client((HttpSettings()));
  EXPECT_THAT(error_of(client.send({.url = server.url()})), HasSubstr("--insecure-options=http"));
  EXPECT_TRUE(server.requests().empty());
}

TEST(HttpClient, CredentialsStayWithTheirHost) {
  ScriptedServer other({answer("200 OK", "there")});
  ScriptedServer server({answer("302 Found", "", "Location: /second\r\n"),
                         answer("307 Temporary Redirect", "", "Location: " + other.url() + "\r\n")});
  HttpClient client(plain());
  const HttpResponse response = ASSERT_VALUE(client.send(
      {.url = server.url(), .headers = {{"Range", "bytes=1-2"}}, .authorization = "Basic c2VjcmV0"}));
  EXPECT_EQ(response.body, "there");
  EXPECT_THAT(server.requests().at(0), HasSubstr("Authorization: Basic c2VjcmV0"));
  EXPECT_THAT(server.requests().at(1), HasSubstr("Authorization: Basic c2VjcmV0"));
  EXPECT_THAT(other.requests().at(0), Not(HasSubstr("Authorization")));
  EXPECT_THAT(other.requests().at(0), HasSubstr("Range: bytes=1-2"));
}

TEST(HttpClient, RedirectsEnd) {
  ScriptedServer server(std::vector<std::string>(20, answer("302 Found", "", "Location: /again\r\n")));
  HttpClient client(plain());
  EXPECT_THAT(error_of(client.send({.url = server.url()})), HasSubstr("more than 10 redirects"));
  EXPECT_EQ(server.requests().size(), 11U);
}

TEST(HttpClient, PassingStatusesAreTriedAgain) {
  ScriptedServer server({answer("429 Too Many Requests", "", "Retry-After: 0\r\n"),
                         answer("503 Service Unavailable", "", "Retry-After: 0\r\n"),
                         answer("200 OK", "now")});
  HttpClient client(plain());
  EXPECT_EQ(ASSERT_VALUE(client.send({.url = server.url()})).body, "now");
}

TEST(HttpClient, TheLastPassingStatusIsReturned) {
  ScriptedServer server(std::vector<std::string>(3, answer("503 Busy", "", "Retry-After: 0\r\n")));
  HttpClient client(plain(1));
  EXPECT_EQ(ASSERT_VALUE(client.send({.url = server.url()})).status, 503);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(HttpClient, WhatIsSentIsSentOnce) {
  ScriptedServer server({answer("503 Busy", "", "Retry-After: 0\r\n"), answer("200 OK", "")});
  HttpClient client(plain());
  EXPECT_EQ(ASSERT_VALUE(client.send({.method = "POST", .url = server.url(), .body = "x"})).status, 503);
}

TEST(HttpClient, CutsAreTriedAgain) {
  ScriptedServer server({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", answer("200 OK", "whole")});
  HttpClient client(plain());
  EXPECT_EQ(ASSERT_VALUE(client.send({.url = server.url()})).body, "whole");
}

TEST(HttpClient, BodiesAreLimited) {
  ScriptedServer server({answer("200 OK", std::string(5000, 'x'))});
  HttpClient client(plain());
  EXPECT_THAT(error_of(client.send({.url = server.url(), .max_body = 4999})),
              HasSubstr("larger than the limit of 4999 bytes"));
}

TEST(HttpClient, HeadersAreLimited) {
  std::string headers;
  for (int i = 0; i < 100; ++i) headers += "X-H: " + std::string(4000, 'x') + "\r\n";
  ScriptedServer server({answer("200 OK", "", headers)});
  HttpClient client(plain());
  EXPECT_THAT(error_of(client.send({.url = server.url()})), HasSubstr("bytes of headers"));
}

TEST(HttpClient, ErrorsNameTheRegistrysReason) {
  ScriptedServer server(
      {answer("404 Not Found", R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})",
              "Content-Type: application/json\r\n")});
  HttpClient client(plain());
  const HttpRequest request{.url = server.url("/v2/a?token=secret")};
  const Error error = status_error(request, ASSERT_VALUE(client.send(request)));
  EXPECT_THAT(error.to_string(), HasSubstr("bad HTTP status code: 404 (manifest unknown)"));
  EXPECT_THAT(error.to_string(), Not(HasSubstr("secret")));
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
}

TEST(HttpClient, BodiesAreNotReadAhead) {
  const std::string big(8U << 20U, 'b');
  ScriptedServer server({answer("200 OK", big)});
  HttpClient client(plain());
  const auto stream = ASSERT_VALUE(client.open({.url = server.url()}));
  std::vector<char> buffer(100'000);
  std::size_t total = 0;
  while (true) {
    const std::size_t n = ASSERT_VALUE(stream->read(buffer));
    ASSERT_LE(n, buffer.size());
    if (n == 0) break;
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(buffer[i], 'b');
    total += n;
  }
  EXPECT_EQ(total, big.size());
}

TEST(HttpClient, UploadsASource) {
  ScriptedServer server({"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"});
  HttpClient client(plain());
  StringSource body("four");
  const HttpResponse response =
      ASSERT_VALUE(client.send({.method = "PUT", .url = server.url(), .body_source = &body, .body_size = 4}));
  EXPECT_EQ(response.status, 201);
  EXPECT_THAT(server.requests().at(0), HasSubstr("PUT /x HTTP/1.1"));
  EXPECT_THAT(server.requests().at(0), HasSubstr("Content-Length: 4"));
}

}  // namespace
}  // namespace agena::stage0
