#include "stage0/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_text.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using testing::error_of;

constexpr const char* kPaths = R"("rktKind":"paths","rktVersion":"v1")";
constexpr const char* kStage1 = R"("rktKind":"stage1","rktVersion":"v1")";
constexpr const char* kAuth = R"("rktKind":"auth","rktVersion":"v1")";
constexpr const char* kDockerAuth = R"("rktKind":"dockerAuth","rktVersion":"v1")";

class ConfigFiles : public ::testing::Test {
 protected:
  // Writes DIR/SUBDIR/NAME with the members as a JSON object.
  void put(const std::string& path, const std::string& kind, const std::string& members) {
    put_text(path, "{" + kind + (members.empty() ? "" : ",") + members + "}");
  }
  void put_text(const std::string& path, const std::string& text) {
    ASSERT_TRUE(test::ok(sys::make_dirs(temp_.dir(), path.substr(0, path.rfind('/')))));
    ASSERT_TRUE(test::ok(sys::write_file(temp_.dir(), path, text)));
  }
  Result<Config> load(ConfigParts parts = kAllParts) const {
    return load_config(std::vector{temp_.path() + "/system", temp_.path() + "/local", std::string()}, parts);
  }
  // The error without the directory that changes from run to run.
  std::string error() const {
    std::string text = error_of(load());
    for (std::size_t at = text.find(temp_.path()); at != std::string::npos; at = text.find(temp_.path()))
      text.replace(at, temp_.path().size(), "T");
    return text;
  }
  test::TempDir temp_;
};

TEST_F(ConfigFiles, NothingThereIsAnEmptyConfiguration) { EXPECT_EQ(ASSERT_VALUE(load()), Config()); }

TEST_F(ConfigFiles, LaterDirectoriesWinKeyByKey) {
  put("system/paths.d/a.json", kPaths, R"("data":"/sys/data","stage1-images":"/sys/images")");
  put("local/paths.d/a.json", kPaths, R"("data":"/local/data")");
  put("system/stage1.d/a.json", kStage1, R"("name":"n","version":"1","location":"/sys/s1.aci")");
  put("local/stage1.d/a.json", kStage1, R"("name":"m","version":"2")");
  put("system/auth.d/a.json", kAuth,
      R"("domains":["a.example","b.example"],"type":"basic","credentials":{"user":"u","password":"p"})");
  put("local/auth.d/a.json", kAuth, R"("domains":["b.example"],"type":"oauth","credentials":{"token":"t"})");
  put("local/auth.d/b.json", kAuth,
      R"("domains":["c.example"],"type":"aws","credentials":{"accessKeyID":"k","secretAccessKey":"s"})");
  put("local/auth.d/d.json", kDockerAuth,
      R"("registries":["registry-1.docker.io"],"credentials":{"user":"d","password":"q"})");
  Config expected;
  expected.paths = {"/local/data", "/sys/images"};
  expected.stage1 = {"m", "2", "/sys/s1.aci"};
  expected.auth = {{"a.example", BasicCredentials{"u", "p"}},
                   {"b.example", OAuthCredentials{"t"}},
                   {"c.example", AwsCredentials{"k", "s", ""}}};
  expected.registry_auth = {{"registry-1.docker.io", {"d", "q"}}};
  EXPECT_EQ(ASSERT_VALUE(load()), expected);
}

TEST_F(ConfigFiles, OnlyTheAskedPartsAreRead) {
  put("local/paths.d/a.json", kPaths, R"("data":"/d")");
  put_text("local/auth.d/broken.json", "{");
  EXPECT_EQ(ASSERT_VALUE(load(kPathsParts)).paths.data, "/d");
  EXPECT_FALSE(load());
}

TEST_F(ConfigFiles, OnlyRegularJsonFilesCount) {
  put_text("local/paths.d/a.txt", "{");
  put_text("local/paths.d/sub.json/x.json", "{");
  put_text("elsewhere/x.json", "{");
  ASSERT_TRUE(test::ok(sys::make_symlink("../../elsewhere/x.json", temp_.dir(), "local/paths.d/link.json")));
  EXPECT_EQ(ASSERT_VALUE(load()), Config());
}

struct BadFile {
  const char* path;
  std::string text;
  const char* error;
};

TEST_F(ConfigFiles, ErrorsNameFileAndPlace) {
  const auto object = [](const char* kind, const std::string& members) {
    return "{" + std::string(kind) + (members.empty() ? "" : ",") + members + "}";
  };
  const std::vector<BadFile> rows = {
      {"paths.d", "{}", "missing 'rktKind'; missing 'rktVersion'"},
      {"paths.d", R"({"rktKind":"paths","rktVersion":"v2"})", "rktVersion 'v2' is unknown (this is v1)"},
      {"paths.d", object(kAuth, ""), "rktKind 'auth' does not belong into paths.d"},
      {"paths.d", R"({"rktKind":"rktstore","rktVersion":"v1"})",
       "rktKind 'rktstore' does not belong into paths.d"},
      {"paths.d", object(kPaths, R"("data":"var")"), "data: 'var' is not an absolute path"},
      {"paths.d", object(kPaths, R"("data":5)"), "/data: expected a string, found 5"},
      {"stage1.d", object(kStage1, R"("name":"n")"), "name and version belong together"},
      {"stage1.d", object(kStage1, R"("location":"s1.aci")"),
       "location: 's1.aci' is neither an absolute path nor a file, docker, http or https URL"},
      {"auth.d", object(kAuth, R"("domains":[],"type":"oauth","credentials":{"token":"t"})"),
       "/domains: must not be empty"},
      {"auth.d", object(kAuth, R"("domains":["a"],"type":"magic","credentials":{})"),
       "unknown type 'magic' (basic, oauth, aws)"},
      {"auth.d", object(kAuth, R"("domains":["a"],"type":"oauth","credentials":{"token":""})"),
       "/credentials/token: must not be empty"},
      {"auth.d", object(kAuth, R"("domains":["a","a"],"type":"oauth","credentials":{"token":"t"})"),
       "/domains/1: 'a' is already set in this directory"},
      {"auth.d", object(kDockerAuth, R"("registries":["r"],"credentials":{"user":"u"})"),
       "/credentials: missing 'password'"},
  };
  for (const BadFile& row : rows) {
    const std::string file = fmt::format("local/{}/x.json", row.path);
    put_text(file, row.text);
    EXPECT_EQ(error(), fmt::format("configuration file 'T/{}': {}", file, row.error)) << row.text;
    ASSERT_TRUE(test::ok(sys::remove_file(temp_.dir(), file)));
  }
}

TEST_F(ConfigFiles, ComplaintsKeepSecrets) {
  for (const char* rest : {R"("credentials":{"user":"u","password":"hunter2},"registries":["r"]})",
                           R"("credentials":{"user":"u","password":hunter2},"registries":["r"]})",
                           R"("credentials":"u:hunter2","registries":["r"]})",
                           R"("credentials":{"user":"u","password":["hunter2"]},"registries":["r"]})",
                           R"("credentials":{"user":"u","hunter2":1,"hunter2":2},"registries":["r"]})"}) {
    put_text("local/auth.d/a.json", std::string("{") + kDockerAuth + "," + rest);
    const auto loaded = load();
    EXPECT_FALSE(loaded) << rest;
    EXPECT_THAT(error_of(loaded), ::testing::Not(::testing::HasSubstr("hunter2")));
    EXPECT_THAT(error_of(loaded), ::testing::HasSubstr("a.json"));
  }
}

TEST_F(ConfigFiles, AKeyTwiceInOneDirectoryIsAnError) {
  put("local/paths.d/a.json", kPaths, R"("data":"/a")");
  put("local/paths.d/b.json", kPaths, R"("data":"/b")");
  EXPECT_EQ(error(), "configuration file 'T/local/paths.d/b.json': data is already set in this directory");
}

TEST(RenderConfig, PrintsEveryKind) {
  Config config;
  config.auth = {
      {"a", BasicCredentials{"u", "p"}}, {"b", OAuthCredentials{"t"}}, {"c", AwsCredentials{"k", "s", "r"}}};
  config.registry_auth = {{"r", {"d", "q"}}};
  config.paths = {"/data", "/images"};
  EXPECT_EQ(
      ASSERT_VALUE(render_config(config, false)),
      R"({"stage0":[)"
      R"({"rktVersion":"v1","rktKind":"auth","domains":["a"],"type":"basic","credentials":{"user":"u","password":"p"}},)"
      R"({"rktVersion":"v1","rktKind":"auth","domains":["b"],"type":"oauth","credentials":{"token":"t"}},)"
      R"({"rktVersion":"v1","rktKind":"auth","domains":["c"],"type":"aws",)"
      R"("credentials":{"accessKeyID":"k","secretAccessKey":"s","awsRegion":"r"}},)"
      R"({"rktVersion":"v1","rktKind":"dockerAuth","registries":["r"],"credentials":{"user":"d","password":"q"}},)"
      R"({"rktVersion":"v1","rktKind":"paths","data":"/data","stage1-images":"/images"},)"
      R"({"rktVersion":"v1","rktKind":"stage1"}]})");
}

// What is printed can be put into files and read again.
TEST_F(ConfigFiles, RenderedDocumentsReadBack) {
  Config config;
  config.auth = {{"a", AwsCredentials{"k", "s", "r"}}, {"b", OAuthCredentials{"t"}}};
  config.registry_auth = {{"r", {"d", "q"}}};
  config.paths = {"/data", "/images"};
  config.stage1 = {"n", "1", "https://example.com/s1.aci"};
  const json_text::Json rendered = ASSERT_VALUE(json_text::parse(ASSERT_VALUE(render_config(config, true))));
  int number = 0;
  for (const json_text::Json& document : rendered["stage0"]) {
    const std::string kind = document["rktKind"];
    const std::string directory = kind == "dockerAuth" ? "auth" : kind;
    put_text(fmt::format("local/{}.d/{}.json", directory, ++number), document.dump());
  }
  EXPECT_EQ(ASSERT_VALUE(load()), config);
}

}  // namespace
}  // namespace agena::stage0
