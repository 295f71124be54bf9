#include "stage0/metadata/request_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace agena::stage0 {
namespace {

using enum MetadataEntry;

constexpr const char* kToken = "0123456789abcdef0123456789abcdef";
constexpr const char* kUuid = "21e7b9ae-3240-4a28-ab91-830c88f78b68";

std::string below(const std::string& rest) { return std::string("/") + kToken + "/acMetadata/v1/" + rest; }

TEST(MetadataPath, Entries) {
  struct Row {
    const char* path;
    MetadataEntry entry;
    const char* app;
    const char* annotation;
  };
  for (const Row& row :
       {Row{"pod/annotations", kPodAnnotations, "", ""}, Row{"pod/annotations/", kPodAnnotations, "", ""},
        Row{"pod/annotations/a", kPodAnnotation, "", "a"},
        Row{"pod/annotations/example.com/a/b", kPodAnnotation, "", "example.com/a/b"},
        Row{"pod/annotations/example.com%2Fa", kPodAnnotation, "", "example.com/a"},
        Row{"pod/manifest", kPodManifest, "", ""}, Row{"pod/uuid", kPodUuid, "", ""},
        Row{"pod/hmac/sign", kSign, "", ""}, Row{"pod/hmac/verify", kVerify, "", ""},
        Row{"apps/web/annotations", kAppAnnotations, "web", ""},
        Row{"apps/web/annotations/color", kAppAnnotation, "web", "color"},
        Row{"apps/web/image/manifest", kImageManifest, "web", ""},
        Row{"apps/we%62/image/id", kImageId, "web", ""}}) {
    const auto path = parse_metadata_path(below(row.path));
    ASSERT_TRUE(path) << row.path << path.error().to_string();
    EXPECT_EQ(*path, (MetadataPath{kToken, row.entry, row.app, row.annotation})) << row.path;
    EXPECT_EQ(*parse_metadata_path(metadata_path(*path)), *path);
  }
}

TEST(MetadataPath, NothingElse) {
  const std::vector<std::string> paths = {std::string(),
                                          std::string("/"),
                                          std::string("//"),
                                          std::string("/") + kToken,
                                          "/0123456789ABCDEF0123456789ABCDEF/acMetadata/v1/pod/uuid",
                                          "/0123/acMetadata/v1/pod/uuid",
                                          std::string("/") + kToken + "/acMetadata/v2/pod/uuid",
                                          std::string("/") + kToken + "/pod/uuid",
                                          below(""),
                                          below("pod"),
                                          below("pod/"),
                                          below("pod/uuid/"),
                                          below("pod/uuid/x"),
                                          below("pod/uuidx"),
                                          below("pod/../pod/uuid"),
                                          below("pod/hmac"),
                                          below("pod/annotationsx"),
                                          below("pod/image/id"),
                                          below("apps"),
                                          below("apps/"),
                                          below("apps//annotations"),
                                          below("apps/web"),
                                          below("apps/WEB/image/id"),
                                          below("apps/web/uuid"),
                                          below("apps/web/hmac/sign"),
                                          below("apps/a%2Fb/image/id"),
                                          below("pod/uuid%00"),
                                          below("pod/%zz"),
                                          below("pod/uui%6"),
                                          std::string("x") + below("pod/uuid")};
  for (const std::string& path : paths) EXPECT_FALSE(parse_metadata_path(path)) << path;
}

TEST(MetadataPath, RegistrationPaths) {
  const auto pod = parse_registration_path(std::string("/pods/") + kUuid);
  ASSERT_TRUE(pod);
  EXPECT_EQ(pod->uuid.str(), kUuid);
  EXPECT_EQ(pod->app, "");
  const auto app = parse_registration_path(std::string("/pods/") + kUuid + "/web");
  ASSERT_TRUE(app);
  EXPECT_EQ(app->app, "web");
  EXPECT_EQ(parse_registration_path("/pod/x").error().kind(), ErrorKind::kNotFound);
  for (const std::string& path :
       {std::string("/pods/"), std::string("/pods/x"), std::string("/pods/") + kUuid + "/",
        std::string("/pods/") + kUuid + "/../x", std::string("/pods/") + kUuid + "/a/b"})
    EXPECT_EQ(parse_registration_path(path).error().kind(), ErrorKind::kInvalidInput) << path;
}

TEST(MetadataPath, Forms) {
  EXPECT_EQ(*parse_form(""), Form());
  EXPECT_EQ(*parse_form("a=1&b=x%20y+z%2B&c&=d&a=2&e=f=g"),
            (Form{{"a", "1"}, {"b", "x y z+"}, {"c", ""}, {"", "d"}, {"e", "f=g"}}));
  EXPECT_EQ(parse_form("a=%00b")->at("a"), std::string("\0b", 2));
  EXPECT_FALSE(parse_form("a=%"));
  EXPECT_FALSE(parse_form("a=%1"));
  EXPECT_FALSE(parse_form("%g0=1"));
  EXPECT_FALSE(parse_form(std::string(100, '&')));
}

TEST(MetadataPath, EscapesAreReadBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(*percent_decode(percent_encoded(all)), all);
}

TEST(MetadataPath, TokensDiffer) {
  const std::string first = random_token();
  EXPECT_TRUE(is_token(first));
  EXPECT_NE(first, random_token());
}

}  // namespace
}  // namespace agena::stage0
