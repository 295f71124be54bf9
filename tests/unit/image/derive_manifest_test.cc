#include "stage0/image/derive_manifest.h"

#include <map>

#include "manifests/codec/image_manifest.h"
#include "stage0/unpack/hash.h"
#include "tests/support/golden.h"
#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;

using Files = std::map<std::string, std::string>;

RootFileReader reader(const Files& files) {
  return [files](const std::string& path) -> Result<std::optional<std::string>> {
    const auto it = files.find(path);
    return it == files.end() ? std::nullopt : std::optional(it->second);
  };
}

LayeredImage image() {
  LayeredImage image;
  image.id = "sha512-0";
  image.config.platform = {.os = "linux", .arch = "amd64", .variant = {}};
  image.names = {.full = {"docker.io/library/busybox:1.36"}, .source = "file", .tag = {}};
  return image;
}

Result<schema::ImageManifest> derive(const LayeredImage& from, const Files& files = {}) {
  return derive_manifest(from, reader(files));
}

const Files kUsers = {
    {"etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:40::/:/bin/sh\n"},
    {"etc/group", "root:x:0:\nweb:x:40:\nlogs:x:41:web,other\nadm:x:4:other\nshared:x:42:web\n"},
};

TEST(DeriveManifestTest, OfAFullConfigIsTheGoldenFile) {
  LayeredImage from = image();
  from.config.created = "2023-05-18T22:34:17Z";
  from.config.author = "somebody";
  from.config.user = "web";
  from.config.env = {"PATH=/bin", "EMPTY=", "A.b-c=1=2", "PATH=/usr/bin"};
  from.config.entrypoint = {"/entry"};
  from.config.cmd = {"-c", "serve"};
  from.config.working_dir = "srv/./www/";
  from.config.exposed_ports = {"80/tcp", "53/UDP", "8000-8002"};
  from.config.volumes = {"/var/lib/data", "/var/lib_data", "/cache/"};
  from.config.labels = {{"org.opencontainers.image.title", "Busy Box"}};
  from.manifest = Document{.digest = hash_of(HashAlgorithm::kSha256, "m"), .bytes = "m"};
  from.config_document = Document{.digest = hash_of(HashAlgorithm::kSha256, "c"), .bytes = "c"};
  const auto manifest = ASSERT_VALUE(derive(from, kUsers));
  const auto text = ASSERT_VALUE(codec::write_image_manifest(manifest, codec::TextStyle::kPretty));
  agena::testing::expect_golden("image/derived_manifest.json", text + "\n");
}

TEST(DeriveManifestTest, KeepsWhatAnImageSaysOfItsAppsLife) {
  LayeredImage from = image();
  from.config.stop_signal = "INT";
  from.config.healthcheck = life::HealthSettings{.test = {"CMD-SHELL", "true"}, .interval = kSecond};
  auto manifest = ASSERT_VALUE(derive(from));
  EXPECT_EQ(*manifest.annotations.find("agena/stop-signal"), "SIGINT");
  EXPECT_EQ(*manifest.annotations.find("agena/healthcheck"),
            R"({"Test":["CMD-SHELL","true"],"Interval":1000000000})");
  // None is asked for, or one that nobody can run.
  for (const std::vector<std::string>& test : {std::vector<std::string>{}, {"NONE"}, {"WHAT", "x"}}) {
    from.config.healthcheck->test = test;
    from.config.stop_signal = "no-signal";
    manifest = ASSERT_VALUE(derive(from));
    EXPECT_EQ(manifest.annotations.find("agena/stop-signal"), nullptr);
    EXPECT_EQ(manifest.annotations.find("agena/healthcheck"), nullptr);
  }
}

TEST(DeriveManifestTest, NamesImagesAsDocker2aciDid) {
  LayeredImage from = image();
  EXPECT_EQ(ASSERT_VALUE(derive(from)).name, "registry-1.docker.io/library/busybox");
  EXPECT_EQ(*ASSERT_VALUE(derive(from)).labels.find("version"), "1.36");
  from.names.full = {"localhost:5000/team/app:v2"};
  EXPECT_EQ(ASSERT_VALUE(derive(from)).name, "localhost_5000/team/app");
  from.names = {.full = {}, .source = "My Image", .tag = "stable"};
  EXPECT_EQ(ASSERT_VALUE(derive(from)).name, "my_image");
  EXPECT_EQ(*ASSERT_VALUE(derive(from)).labels.find("version"), "stable");
  from.names = {.full = {}, .source = "___", .tag = {}};
  EXPECT_EQ(ASSERT_VALUE(derive(from)).name, "image");
  EXPECT_EQ(*ASSERT_VALUE(derive(from)).labels.find("version"), "latest");
}

TEST(DeriveManifestTest, UsesAppcsNamesOfProcessors) {
  struct Row {
    Platform platform;
    const char* label;
  };
  for (const Row& row : {Row{{.os = "linux", .arch = "arm64", .variant = "v8"}, "aarch64"},
                         Row{{.os = "linux", .arch = "386", .variant = {}}, "i386"},
                         Row{{.os = "linux", .arch = "arm", .variant = "v6"}, "armv6l"},
                         Row{{.os = "linux", .arch = "arm", .variant = {}}, "armv7l"},
                         Row{{.os = "linux", .arch = "s390x", .variant = {}}, "s390x"}}) {
    LayeredImage from = image();
    from.config.platform = row.platform;
    EXPECT_EQ(*ASSERT_VALUE(derive(from)).labels.find("arch"), row.label);
  }
}

struct Identity {
  std::string user;
  std::string group;
  std::vector<std::uint32_t> supplementary;
  bool operator==(const Identity&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Identity& identity) {
  out << identity.user << ":" << identity.group;
  for (const auto gid : identity.supplementary) out << "+" << gid;
  return out;
}

Identity identity(const std::string& user, const Files& files = kUsers) {
  LayeredImage from = image();
  from.config.user = user;
  const auto manifest = derive(from, files);
  if (!manifest) return {.user = error_of(manifest), .group = {}, .supplementary = {}};
  return {manifest->app->user, manifest->app->group, manifest->app->supplementary_gids};
}

TEST(DeriveManifestTest, UsersWithoutAGroupGetTheirOwn) {
  EXPECT_EQ(identity(""), (Identity{"0", "0", {}}));
  EXPECT_EQ(identity("web"), (Identity{"web", "40", {41, 42}}));
  EXPECT_EQ(identity("33"), (Identity{"33", "40", {}}));
  EXPECT_EQ(identity("1234"), (Identity{"1234", "0", {}}));
  EXPECT_EQ(identity("web:logs"), (Identity{"web", "logs", {}}));
  EXPECT_EQ(identity("33:44"), (Identity{"33", "44", {}}));
  EXPECT_EQ(identity(":logs"), (Identity{"0", "logs", {}}));
  // Starting it will say that there is no such user.
  EXPECT_EQ(identity("nobody-there"), (Identity{"nobody-there", "0", {}}));
  EXPECT_EQ(identity("web", {}), (Identity{"web", "0", {}}));
}

TEST(DeriveManifestTest, LeavesOutWhatMeansNothing) {
  LayeredImage from = image();
  from.config.env = {"NOVALUE", "=x", "OK=1", std::string("NUL=a\0b", 7)};
  from.config.exposed_ports = {"0/tcp", "99999", "80/icmp", "x", "90-80", "80"};
  from.config.volumes = {"/"};
  from.config.entrypoint = {""};
  from.config.cmd = {"/run"};
  const auto app = *ASSERT_VALUE(derive(from)).app;
  ASSERT_EQ(app.environment.size(), 1U);
  EXPECT_EQ(app.environment[0].name, "OK");
  ASSERT_EQ(app.ports.size(), 1U);
  EXPECT_EQ(app.ports[0].name, "80-tcp");
  EXPECT_TRUE(app.mount_points.empty());
  EXPECT_EQ(app.exec, std::vector<std::string>{"/run"});
}

}  // namespace
}  // namespace agena::stage0
