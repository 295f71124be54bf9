#include "stage0/discovery/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stage0/discovery/meta_tags.h"
#include "stage0/discovery/url_template.h"
#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::map<std::string, std::string> kValues = {
    {"name", "example.com/app"}, {"version", "1.0+b"}, {"os", "linux"}, {"arch", "amd64"}, {"ext", "aci"}};

TEST(UrlTemplate, PutsValuesIn) {
  EXPECT_EQ(*render_url_template("https://storage.example.com/{os}/{arch}/{name}-{version}.{ext}", kValues),
            "https://storage.example.com/linux/amd64/example.com/app-1.0%2Bb.aci");
  EXPECT_EQ(*render_url_template("https://example.com/fixed.aci", kValues), "https://example.com/fixed.aci");
  // A value is not a template.
  EXPECT_EQ(*render_url_template("{a}", {{"a", "{b}"}, {"b", "x"}}), "%7Bb%7D");
}

TEST(UrlTemplate, RefusesWhatMakesNoUrl) {
  EXPECT_THAT(error_of(render_url_template("{colour}", kValues)),
              HasSubstr("there is no value for '{colour}'"));
  EXPECT_THAT(error_of(render_url_template("{name", kValues)), HasSubstr("a brace without its partner"));
  EXPECT_THAT(error_of(render_url_template("name}", kValues)), HasSubstr("a brace without its partner"));
  EXPECT_THAT(error_of(render_url_template("{na{me}}", kValues)), HasSubstr("a brace without its partner"));
  EXPECT_THAT(error_of(render_url_template("https://a b", kValues)), HasSubstr("makes no URL"));
  EXPECT_THAT(error_of(render_url_template(std::string(9000, 'a'), kValues)),
              HasSubstr("more than 8192 bytes"));
}

TEST(MetaTags, OfTheHeadOnly) {
  const auto tags = read_meta_tags(R"(<!DOCTYPE html><html><head><title>x</title>
    <META NAME="ac-discovery" CONTENT="example.com https://example.com/{name}.{ext}">
    <meta name='ac-discovery-pubkeys' content="example.com
       https://example.com/keys.gpg"/>
    <meta name="go-import" content="a b"><meta name="ac-discovery" content="one">
    <meta name="ac-discovery" content="a b c"><meta name="ac-discovery">
    </head><body><meta name="ac-discovery" content="example.com https://evil.example/x"></body></html>)");
  ASSERT_TRUE(tags.has_value()) << tags.error().to_string();
  EXPECT_THAT(*tags,
              ElementsAre(MetaTag{"ac-discovery", "example.com", "https://example.com/{name}.{ext}"},
                          MetaTag{"ac-discovery-pubkeys", "example.com", "https://example.com/keys.gpg"}));
}

TEST(MetaTags, OfBrokenPages) {
  EXPECT_THAT(*read_meta_tags(""), IsEmpty());
  EXPECT_THAT(*read_meta_tags("\x01\x02\xff"), IsEmpty());
  // What has no head of its own gets one.
  EXPECT_THAT(*read_meta_tags("<meta name=ac-discovery content='a b'>"),
              ElementsAre(MetaTag{"ac-discovery", "a", "b"}));
  // Entities are characters; an unknown one loads nothing.
  EXPECT_THAT(*read_meta_tags("<head><meta name=ac-discovery content='a b?x=1&amp;y=&#50;'></head>"),
              ElementsAre(MetaTag{"ac-discovery", "a", "b?x=1&y=2"}));
  EXPECT_THAT(*read_meta_tags("<head><meta name=ac-discovery content='a &e;'></head>"),
              ElementsAre(MetaTag{"ac-discovery", "a", "&e;"}));
  EXPECT_THAT(*read_meta_tags("<!DOCTYPE html [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
                              "<head><meta name=ac-discovery content='a &e;'></head>"),
              IsEmpty());
  EXPECT_THAT(error_of(read_meta_tags(std::string(kMaxPageBytes + 1, ' '))), HasSubstr("larger than"));
  std::string deep = "<head>";
  for (int i = 0; i < 100'000; ++i) deep += "<div>";
  EXPECT_THAT(*read_meta_tags(deep), IsEmpty());
}

// Pages by URL; what was asked for, in order.
struct Site {
  std::map<std::string, std::string> pages;
  std::vector<std::string> asked = {};
  PageGetter getter() {
    return [this](const std::string& url) -> Result<DiscoveryPage> {
      asked.push_back(url);
      const auto page = pages.find(url);
      if (page == pages.end()) return fail(ErrorKind::kNetwork, "status 404");
      return DiscoveryPage{.body = page->second, .secure = url.starts_with("https://")};
    };
  }
};

std::string page_with(const std::string& name, const std::string& content) {
  return "<head><meta name='" + name + "' content='" + content + "'></head>";
}

const std::map<std::string, std::string> kLabels = {{"version", "2"}, {"os", "linux"}, {"arch", "amd64"}};

TEST(Discovery, GoesUpToTheHost) {
  Site site{.pages = {{"https://example.com?ac-discovery=1",
                       page_with("ac-discovery", "example.com https://example.com/{name}-{version}.{ext}")}}};
  const auto found =
      ASSERT_VALUE(discover_image({.name = "example.com/a/b", .labels = kLabels}, site.getter()));
  EXPECT_EQ(found.aci, "https://example.com/example.com/a/b-2.aci");
  EXPECT_EQ(found.signature, "https://example.com/example.com/a/b-2.aci.asc");
  EXPECT_THAT(site.asked,
              ElementsAre("https://example.com/a/b?ac-discovery=1", "https://example.com/a?ac-discovery=1",
                          "https://example.com?ac-discovery=1"));
}

TEST(Discovery, TakesTheFirstEndpointThatFits) {
  Site site{.pages = {{"https://example.com/a?ac-discovery=1",
                       page_with("ac-discovery", "example.com/b https://b/{name}.{ext}") +
                           page_with("ac-discovery", "example.com https://c/{colour}.{ext}") +
                           page_with("ac-discovery", "example.com https://d/one.aci") +
                           page_with("ac-discovery", "example.com https://e/{name}.{ext}")}}};
  const auto found =
      ASSERT_VALUE(discover_image({.name = "example.com/a", .labels = kLabels}, site.getter()));
  EXPECT_EQ(found.aci, "https://d/one.aci");
  EXPECT_EQ(found.signature, "https://d/one.aci.asc");
}

TEST(Discovery, PlainHttpOnlyIfWaived) {
  const std::string page = page_with("ac-discovery", "example.com http://example.com/{name}.{ext}");
  Site site{.pages = {{"http://example.com/a?ac-discovery=1", page}}};
  EXPECT_THAT(error_of(discover_image({.name = "example.com/a", .labels = kLabels}, site.getter())),
              HasSubstr("discovery found no image for 'example.com/a'"));
  for (const std::string& url : site.asked) EXPECT_TRUE(url.starts_with("https://")) << url;
  const auto found = ASSERT_VALUE(
      discover_image({.name = "example.com/a", .labels = kLabels, .plain_http = true}, site.getter()));
  EXPECT_EQ(found.aci, "http://example.com/example.com/a.aci");

  Site mixed{.pages = {{"https://example.com/a?ac-discovery=1", page}}};
  EXPECT_THAT(error_of(discover_image({.name = "example.com/a", .labels = kLabels}, mixed.getter())),
              HasSubstr("'http://example.com/example.com/a.aci' is not an https URL"));
}

TEST(Discovery, TellsOfEveryPlace) {
  Site site{.pages = {{"https://example.com?ac-discovery=1", "<p>nothing here"}}};
  const std::string error =
      error_of(discover_image({.name = "example.com/a", .labels = kLabels}, site.getter()));
  EXPECT_THAT(error, HasSubstr("'https://example.com/a': status 404"));
  EXPECT_THAT(error, HasSubstr("'https://example.com': the page has no tag for this name"));
}

TEST(Discovery, AsksNobodyForNamesWithoutAHost) {
  Site site;
  EXPECT_THAT(error_of(discover_image({.name = "busybox", .labels = kLabels}, site.getter())),
              HasSubstr("'busybox' is not the name of a host"));
  EXPECT_THAT(site.asked, IsEmpty());
}

TEST(Discovery, FindsKeys) {
  Site site{.pages = {{"https://example.com?ac-discovery=1",
                       page_with("ac-discovery-pubkeys", "example.com https://example.com/one.gpg") +
                           page_with("ac-discovery-pubkeys", "example.com https://example.com/two.gpg") +
                           page_with("ac-discovery-pubkeys", "example.com https://example.com/one.gpg") +
                           page_with("ac-discovery-pubkeys", "example.org https://example.org/no.gpg")}}};
  const auto found = ASSERT_VALUE(discover_keys("example.com/a", false, site.getter()));
  EXPECT_THAT(found.urls, ElementsAre("https://example.com/one.gpg", "https://example.com/two.gpg"));
}

}  // namespace
}  // namespace agena::stage0
