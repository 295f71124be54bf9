#include "stage0/http/url.h"

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

TEST(Url, IsTakenApart) {
  const Url url = ASSERT_VALUE(Url::parse("https://User:Secret@Example.COM:5000/v2/?token=hidden#part"));
  EXPECT_EQ(url.scheme(), "https");
  EXPECT_EQ(url.host(), "example.com");
  EXPECT_EQ(url.port(), "5000");
  EXPECT_EQ(url.authority(), "example.com:5000");
  EXPECT_EQ(url.shown(), "https://example.com:5000/v2/");
  EXPECT_EQ(ASSERT_VALUE(Url::parse("http://h/")).port(), "80");
}

TEST(Url, OnlyHttpAndHttps) {
  for (const char* text : {"file:///etc/passwd", "ftp://h/", "gopher://h/", "h", "", "https://"})
    EXPECT_FALSE(Url::parse(text)) << text;
}

TEST(Url, Origins) {
  const Url url = ASSERT_VALUE(Url::parse("https://example.com/a"));
  EXPECT_TRUE(url.same_origin(ASSERT_VALUE(Url::parse("https://EXAMPLE.com:443/b?c"))));
  EXPECT_FALSE(url.same_origin(ASSERT_VALUE(Url::parse("http://example.com/a"))));
  EXPECT_FALSE(url.same_origin(ASSERT_VALUE(Url::parse("https://example.com:444/a"))));
  EXPECT_FALSE(url.same_origin(ASSERT_VALUE(Url::parse("https://sub.example.com/a"))));
}

TEST(Url, ResolvesLocations) {
  const Url url = ASSERT_VALUE(Url::parse("https://example.com/v2/name/blobs/x"));
  EXPECT_EQ(ASSERT_VALUE(url.resolve("/other?q")).shown(), "https://example.com/other");
  EXPECT_EQ(ASSERT_VALUE(url.resolve("y")).shown(), "https://example.com/v2/name/blobs/y");
  EXPECT_EQ(ASSERT_VALUE(url.resolve("//cdn.example/z")).shown(), "https://cdn.example/z");
  EXPECT_EQ(ASSERT_VALUE(url.resolve("http://cdn.example:81/z")).authority(), "cdn.example:81");
  EXPECT_FALSE(url.resolve("https://me:pw@cdn.example/z"));
  EXPECT_FALSE(url.resolve("file:///etc/shadow"));
}

TEST(Url, Loopback) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "[::1]"})
    EXPECT_TRUE(is_loopback_host(host)) << host;
  for (const char* host :
       {"128.0.0.1", "example.com", "localhost.example", "[::2]", "10.0.0.1", "127.0.0.1.example"})
    EXPECT_FALSE(is_loopback_host(host)) << host;
}

TEST(Url, ShownWithoutSecrets) {
  EXPECT_EQ(shown_url("https://a:b@c/d?e=f#g"), "https://c/d");
  EXPECT_EQ(shown_url("https://a:b@c?e"), "https://c");
  EXPECT_EQ(shown_url("no url?x"), "no url");
}

TEST(Url, Encoding) { EXPECT_EQ(percent_encode("a b/c:d~é"), "a%20b%2Fc%3Ad~%C3%A9"); }

}  // namespace
}  // namespace agena::stage0
