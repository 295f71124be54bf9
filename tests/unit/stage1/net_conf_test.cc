// Network configurations: single ones and lists, and which files of two directories count.
#include "stage1/net/net_conf.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/json_text.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using agena::testing::error_of;

constexpr const char* kFile = "/etc/rkt/net.d/10-lab.conf";

std::string error_for(std::string_view text) { return error_of(parse_net_conf(text, kFile)); }

TEST(NetConf, SingleOneIsItsOwnPlugin) {
  const std::string text =
      R"({"name":"lab","type":"ptp","ipMasq":true,"mtu":1400,"ipam":{"type":"host-local"}})";
  const NetConf conf = ASSERT_VALUE(parse_net_conf(text, kFile));
  EXPECT_EQ(conf.name, "lab");
  EXPECT_EQ(conf.cni_version, "0.1.0");
  EXPECT_EQ(conf.file, kFile);
  EXPECT_EQ(conf.file_name(), "10-lab.conf");
  EXPECT_EQ(conf.text, text);
  ASSERT_EQ(conf.plugins.size(), 1U);
  EXPECT_EQ(conf.plugins[0].type, "ptp");
  EXPECT_EQ(conf.plugins[0].text, text);
  EXPECT_TRUE(conf.plugins[0].ip_masq);
}

TEST(NetConf, ListKeepsTheOrderOfItsPlugins) {
  const NetConf conf = ASSERT_VALUE(parse_net_conf(
      R"({"cniVersion":"0.4.0","name":"chain","plugins":[
           {"type":"bridge", "bridge":"br7"},
           {"type":"portmap","capabilities":{"portMappings":true,"bandwidth":false}}]})",
      kFile));
  EXPECT_EQ(conf.cni_version, "0.4.0");
  ASSERT_EQ(conf.plugins.size(), 2U);
  EXPECT_EQ(conf.plugins[0].text, R"({"type":"bridge","bridge":"br7"})");
  EXPECT_FALSE(conf.plugins[0].ip_masq);
  EXPECT_EQ(conf.plugins[1].type, "portmap");
  EXPECT_EQ(conf.plugins[1].capabilities, std::vector<std::string>{"portMappings"});
  EXPECT_TRUE(conf.has_capability("portMappings"));
  EXPECT_FALSE(conf.has_capability("bandwidth"));
}

TEST(NetConf, NewestKnownOfSeveralVersionsCounts) {
  const auto version_of = [](std::string_view members) {
    const auto conf = parse_net_conf(fmt::format(R"({{"name":"a","type":"b",{}}})", members), kFile);
    return conf ? conf->cni_version : conf.error().to_string();
  };
  EXPECT_EQ(version_of(R"("cniVersion":"0.3.1")"), "0.3.1");
  EXPECT_EQ(version_of(R"("cniVersion":"")"), "0.1.0");
  EXPECT_EQ(version_of(R"("cniVersion":"0.3.1","cniVersions":["1.0.0","0.4.0","9.0.0"])"), "1.0.0");
  EXPECT_EQ(version_of(R"("cniVersion":"0.3.1","cniVersions":["9.0.0"])"), "0.3.1");
}

TEST(NetConf, ErrorsNameTheFileAndThePlace) {
  const std::string document = "network configuration '/etc/rkt/net.d/10-lab.conf': ";
  EXPECT_EQ(error_for("[]"), document + "expected an object, found an array");
  EXPECT_EQ(error_for("{").substr(0, document.size() + 5), document + "JSON:");
  EXPECT_TRUE(error_for(R"({"type":"ptp"})").contains("'name'")) << error_for(R"({"type":"ptp"})");
  EXPECT_TRUE(error_for(R"({"name":"a"})").contains("'type'"));
  EXPECT_EQ(error_for(R"({"name":"../a","type":"ptp"})"),
            document +
                "/name: '../a' is no name for a network: a letter or digit is expected, then letters, "
                "digits, '_', '.' and '-'");
  EXPECT_EQ(error_for(R"({"name":"a","type":"../../bin/sh"})"),
            document + "/type: '../../bin/sh' is no name of a plugin's program");
  EXPECT_EQ(error_for(R"({"name":"a","type":"b","ipam":{"type":"/x"}})"),
            document + "/ipam/type: '/x' is no name of a plugin's program");
  EXPECT_EQ(error_for(R"({"name":"a","type":"b","cniVersion":"2.0.0"})"),
            document +
                "/cniVersion: CNI version '2.0.0' is not known here (known are 0.1.0, 0.2.0, 0.3.0, 0.3.1, "
                "0.4.0, 1.0.0, 1.1.0)");
  EXPECT_EQ(error_for(R"({"name":"a","plugins":[]})"),
            document + "/plugins: a list of plugins has at least one");
  EXPECT_EQ(error_for(R"({"name":"a","plugins":[{"type":"b"},3]})"),
            document + "/plugins/1: expected an object, found 3");
}

class NetConfFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(test::ok(sys::make_dir(dir_.dir(), "builtin")));
    ASSERT_TRUE(test::ok(sys::make_dir(dir_.dir(), "local")));
  }
  void write(const std::string& path, std::string_view text) {
    ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), path, text)));
  }
  void write_conf(const std::string& path, std::string_view name, std::string_view type = "ptp") {
    write(path, fmt::format(R"({{"name":"{}","type":"{}"}})", name, type));
  }
  Result<NetConfs> load() { return load_net_confs(dir_.path() + "/builtin", dir_.path() + "/local"); }
  static std::string summary(const NetConfs& all) {
    std::string text;
    for (const NetConf& conf : all.confs)
      text += fmt::format("{}={}({}) ", conf.file_name(), conf.name, conf.plugins[0].type);
    return text;
  }

  test::TempDir dir_;
};

TEST_F(NetConfFiles, AreInOrderOfFileName) {
  write_conf("builtin/99-default.conf", "default");
  write_conf("local/20-b.conf", "b");
  write_conf("local/10-c.conflist", "c");
  write_conf("local/a.json", "a");
  write("local/macvtap", "a plugin's program");
  write("local/10-c.conf.bak", "not a configuration");
  const NetConfs all = ASSERT_VALUE(load());
  EXPECT_EQ(summary(all),
            "10-c.conflist=c(ptp) 20-b.conf=b(ptp) 99-default.conf=default(ptp) a.json=a(ptp) ");
  EXPECT_TRUE(all.notices.empty());
}

TEST_F(NetConfFiles, UsersHideBuiltInOnesByName) {
  write_conf("builtin/99-default.conf", "default");
  write_conf("builtin/99-default-restricted.conf", "default-restricted");
  write_conf("local/01-mine.conf", "default", "bridge");
  const NetConfs all = ASSERT_VALUE(load());
  EXPECT_EQ(summary(all), "01-mine.conf=default(bridge) 99-default-restricted.conf=default-restricted(ptp) ");
  EXPECT_TRUE(all.notices.empty());
}

TEST_F(NetConfFiles, FirstOfTheUsersCountsAndANoticeTellsOfTheOther) {
  write_conf("local/20-x.conf", "x", "macvlan");
  write_conf("local/10-x.conf", "x", "bridge");
  const NetConfs all = ASSERT_VALUE(load());
  EXPECT_EQ(summary(all), "10-x.conf=x(bridge) ");
  ASSERT_EQ(all.notices.size(), 1U);
  const std::string local = dir_.path() + "/local/";
  EXPECT_EQ(all.notices[0], "network configuration '" + local + "20-x.conf' is passed over: '" + local +
                                "10-x.conf' is also of network 'x'");
}

TEST_F(NetConfFiles, EveryWrongFileIsTold) {
  write("local/10-a.conf", "{");
  write_conf("local/20-b.conf", "b");
  ASSERT_EQ(::mkfifo((dir_.path() + "/local/30-c.conf").c_str(), 0600), 0);
  const std::string error = error_of(load());
  EXPECT_TRUE(error.contains("10-a.conf': JSON:")) << error;
  EXPECT_TRUE(error.contains("30-c.conf' is no regular file")) << error;
}

TEST_F(NetConfFiles, MissingDirectoriesHaveNone) {
  const NetConfs all = ASSERT_VALUE(load_net_confs(dir_.path() + "/no", dir_.path() + "/none"));
  EXPECT_TRUE(all.confs.empty());
}

}  // namespace
}  // namespace agena::stage1
