#include "stage0/image/reference.h"

#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;

Result<Reference> parse(std::string_view text) {
  return parse_reference(text,
                         [](const std::string& path) { return path == "file" || path == "sha512-file"; });
}

TEST(ReferenceTest, TellsPathsFromNamesAsRktDoes) {
  struct Row {
    const char* text;
    ReferenceKind kind;
  };
  using enum ReferenceKind;
  for (const Row& row :
       {Row{"/abs/image", kAciFile}, Row{"file", kAciFile}, Row{"./image", kAciFile},
        Row{"../image", kAciFile}, Row{"dir/./image", kAciFile}, Row{"image.aci", kAciFile},
        Row{"busybox", kName}, Row{"example.com/app:1.0", kName}, Row{"a:b.aci", kName},
        Row{"localhost:5000/app", kName}, Row{"sha512-0123", kImageId}, Row{"sha512-file", kAciFile},
        Row{"docker://busybox", kRegistry}, Row{"docker:busybox", kRegistry},
        Row{"oci://localhost:5000/a", kRegistry}, Row{"https://example.com/a.aci", kUrl}}) {
    const auto reference = parse(row.text);
    ASSERT_TRUE(reference) << row.text << ": " << error_of(reference);
    EXPECT_EQ(reference->kind, row.kind) << row.text;
    EXPECT_EQ(reference->text, row.text);
  }
}

TEST(ReferenceTest, TakesNamesApart) {
  const Reference plain = ASSERT_VALUE(parse("example.com/app"));
  EXPECT_EQ(plain.name, "example.com/app");
  EXPECT_EQ(plain.version, "");
  const Reference full = ASSERT_VALUE(parse("example.com/app:1.0,os=linux,channel=a=b"));
  EXPECT_EQ(full.name, "example.com/app");
  EXPECT_EQ(full.version, "1.0");
  EXPECT_EQ(full.labels,
            (std::vector<std::pair<std::string, std::string>>{{"os", "linux"}, {"channel", "a=b"}}));
  const Reference port = ASSERT_VALUE(parse("localhost:5000/app:2"));
  EXPECT_EQ(port.name, "localhost:5000/app");
  EXPECT_EQ(port.version, "2");
}

TEST(ReferenceTest, CompletesNamesInRegistries) {
  const Reference plain = ASSERT_VALUE(parse("docker://busybox"));
  EXPECT_EQ(plain.domain, "docker.io");
  EXPECT_EQ(plain.repository, "library/busybox");
  EXPECT_EQ(plain.tag, "latest");
  EXPECT_EQ(plain.store_name(), "docker.io/library/busybox:latest");
  const Reference tagged = ASSERT_VALUE(parse("oci://[::1]:5000/a/b:1"));
  EXPECT_EQ(tagged.domain, "[::1]:5000");
  EXPECT_EQ(tagged.store_name(), "[::1]:5000/a/b:1");
  const std::string digest = "sha256:" + std::string(64, 'a');
  const Reference pinned = ASSERT_VALUE(parse("docker://localhost:5000/a:1@" + digest));
  EXPECT_EQ(pinned.tag, "");
  EXPECT_EQ(pinned.store_name(), "localhost:5000/a@" + digest);
}

TEST(ReferenceTest, RefusesOddNamesInRegistries) {
  for (const char* text :
       {"docker://", "docker:", "docker://A/b c", "docker://a@sha256:12", "docker://UP/Case:t", "oci://",
        "https://", "https://user:secret@example.com/a.aci"})
    EXPECT_FALSE(parse(text)) << text;
}

TEST(ReferenceTest, EndsOciPathsAtTheFirstColon) {
  const Reference plain = ASSERT_VALUE(parse("oci:/a/b"));
  EXPECT_EQ(plain.kind, ReferenceKind::kOciLayout);
  EXPECT_EQ(plain.path, "/a/b");
  EXPECT_EQ(plain.tag, "");
  const Reference tag = ASSERT_VALUE(parse("oci:b:registry.example:5000/c:v1"));
  EXPECT_EQ(tag.path, "b");
  EXPECT_EQ(tag.tag, "registry.example:5000/c:v1");
  const std::string digest = "sha256:" + std::string(64, 'a');
  const Reference by_digest = ASSERT_VALUE(parse("oci:dir@home/b@" + digest));
  EXPECT_EQ(by_digest.path, "dir@home/b");
  EXPECT_EQ(by_digest.digest->str(), digest);
  EXPECT_EQ(ASSERT_VALUE(parse("oci-archive:b.tar:latest")).kind, ReferenceKind::kOciLayout);
}

TEST(ReferenceTest, TakesDockerArchivesApart) {
  EXPECT_EQ(ASSERT_VALUE(parse("docker-archive:a.tar")).tag, "");
  EXPECT_EQ(ASSERT_VALUE(parse("docker-archive:a.tar:busybox")).tag, "docker.io/library/busybox:latest");
  EXPECT_EQ(ASSERT_VALUE(parse("docker-archive:a.tar:localhost:5000/x:1")).tag, "localhost:5000/x:1");
  const Reference index = ASSERT_VALUE(parse("docker-archive:a.tar:@2"));
  EXPECT_EQ(index.index, 2U);
  EXPECT_EQ(index.path, "a.tar");
}

TEST(ReferenceTest, DecodesFileUrls) {
  EXPECT_EQ(ASSERT_VALUE(parse("file:///a%20b/c%3A.aci")).path, "/a b/c:.aci");
  EXPECT_EQ(ASSERT_VALUE(parse("file://localhost/a.aci")).path, "/a.aci");
  EXPECT_EQ(ASSERT_VALUE(parse("file:a.aci")).path, "a.aci");
  for (const char* bad :
       {"file://host/a", "file://a", "file:", "file:///a%2", "file:///a%00b", "file:///a%zz"})
    EXPECT_FALSE(parse(bad)) << bad;
}

TEST(ReferenceTest, SaysWhatIsWrong) {
  EXPECT_EQ(error_of(parse("")), "no image given");
  EXPECT_EQ(error_of(parse("a\nb")), "image 'a\\x0ab': control characters");
  EXPECT_EQ(error_of(parse("oci:")), "image 'oci:': no path");
  EXPECT_EQ(error_of(parse("oci:a:")), "image 'oci:a:': nothing behind the colon");
  EXPECT_EQ(error_of(parse("oci:a:b@sha256:" + std::string(64, 'a'))),
            "image 'oci:a:b@sha256:" + std::string(64, 'a') +
                "': the path must not contain a colon, and tag and digest exclude each other");
  EXPECT_NE(error_of(parse("oci:a@sha256:ab")).find("64 lower-case hex digits"), std::string::npos);
  EXPECT_NE(error_of(parse("docker-archive:a:Busybox")).find("not a name of a docker image"),
            std::string::npos);
  EXPECT_NE(error_of(parse("docker-archive:a:@x")).find("must be a number"), std::string::npos);
  EXPECT_NE(error_of(parse("containers-storage:x")).find("not supported"), std::string::npos);
  EXPECT_NE(error_of(parse("sha512-a")).find("too short"), std::string::npos);
  EXPECT_NE(error_of(parse("docker://")).find("nothing behind the scheme"), std::string::npos);
  EXPECT_NE(error_of(parse("name:")).find("nothing behind the colon"), std::string::npos);
  EXPECT_NE(error_of(parse("name,label")).find("not of the form"), std::string::npos);
}

TEST(ReferenceTest, ShowsNoSecrets) {
  EXPECT_EQ(shown_reference("docker://user:secret@example.com/a:1"), "docker://…@example.com/a:1");
  EXPECT_EQ(shown_reference("https://example.com/a.aci?token=secret"), "https://example.com/a.aci?…");
  const std::string pinned = "docker://busybox@sha256:" + std::string(64, 'a');
  EXPECT_EQ(shown_reference(pinned), pinned);
  EXPECT_EQ(shown_reference("./a?b@c"), "./a?b@c");
  for (const char* text : {"docker://user:secret@example.com/a", "oci://user:secret@example.com/a",
                           "http://user:secret@example.com/a.aci"}) {
    const std::string error = error_of(parse(text));
    EXPECT_NE(error.find("credentials do not belong"), std::string::npos) << error;
    EXPECT_EQ(error.find("secret"), std::string::npos) << error;
  }
}

TEST(ReferenceTest, SaysWhatIsLocal) {
  for (const char* source : {"/a", "oci:a", "docker-archive:a"})
    EXPECT_TRUE(ASSERT_VALUE(parse(source)).is_local()) << source;
  for (const char* other : {"name", "sha512-abc", "docker://a", "oci://a"})
    EXPECT_FALSE(ASSERT_VALUE(parse(other)).is_local()) << other;
}

}  // namespace
}  // namespace agena::stage0
