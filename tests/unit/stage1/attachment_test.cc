// Attachments to networks: what each plugin of a chain gets, at ADD and at DEL, and what a failure leaves.
#include "stage1/net/attachment.h"

#include <gtest/gtest.h>

#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "stage1/net/capabilities.h"
#include "stage1/net/reservations.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using agena::testing::error_of;

constexpr const char* kUuid = "11111111-2222-4333-8444-555555555555";

// Writes "COMMAND INTERFACE NETNS ARGS", and its configuration, to a log; answers with its own name as the
// interface, or fails if a file FAIL-COMMAND-TYPE is there.
constexpr const char* kPlugin = R"(#!/bin/sh
dir=$(dirname "$0"); type=$(basename "$0")
{ echo "$CNI_COMMAND $type $CNI_IFNAME $CNI_NETNS $CNI_ARGS"; cat; echo; } >> "$dir/log"
if [ -e "$dir/fail-$CNI_COMMAND-$type" ]; then echo '{"code":100,"msg":"'"$type"' is broken"}'; exit 1; fi
[ $CNI_COMMAND = ADD ] || exit 0
echo '{"cniVersion":"VERSION","interfaces":[{"name":"'"$type"'","x":1}],"ips":[]}'
)";

class AttachmentTest : public ::testing::Test {
 protected:
  void make_plugins(std::string_view version) {
    std::string script(kPlugin);
    script.replace(script.find("VERSION"), 7, version);
    for (const char* type : {"one", "two", "three"})
      ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), type, script, 0755)));
  }
  void break_plugin(const std::string& what) {
    ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), "fail-" + what, "")));
  }
  Attachment attachment(std::string_view version) {
    return {.conf = *parse_net_conf(fmt::format(R"({{"cniVersion":"{}","name":"chain","plugins":[
                {{"type":"one"}},{{"type":"two","capabilities":{{"portMappings":true}}}},{{"type":"three"}}]}})",
                                                version),
                                    "/etc/chain.conflist"),
            .interface = "eth1",
            .args = "a=b",
            .container_id = kUuid,
            .runtime_config = R"({"portMappings":[{"hostPort":1}],"dns":{}})",
            .plugin_dirs = {dir_.path()}};
  }
  std::string log() { return sys::read_file(dir_.dir(), "log").value_or(""); }

  test::TempDir dir_;
};

TEST_F(AttachmentTest, EachPluginOfAChainGetsTheResultOfTheOneBefore) {
  make_plugins("1.0.0");
  std::string told;
  const auto progress = [&](const CniResult& result) -> Result<> {
    told += result.interfaces[0].name + " ";
    return {};
  };
  const CniResult result = ASSERT_VALUE(attach(attachment("1.0.0"), "/proc/1/fd/2", progress));
  EXPECT_EQ(result.interfaces[0].name, "three");
  EXPECT_EQ(told, "one two ");
  EXPECT_EQ(log(),
            R"(ADD one eth1 /proc/1/fd/2 a=b;IgnoreUnknown=1
{"type":"one","name":"chain","cniVersion":"1.0.0"}
ADD two eth1 /proc/1/fd/2 a=b;IgnoreUnknown=1
{"type":"two","capabilities":{"portMappings":true},"name":"chain","cniVersion":"1.0.0","runtimeConfig":{"portMappings":[{"hostPort":1}]},"prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"one","x":1}],"ips":[]}}
ADD three eth1 /proc/1/fd/2 a=b;IgnoreUnknown=1
{"type":"three","name":"chain","cniVersion":"1.0.0","prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"two","x":1}],"ips":[]}}
)");
}

TEST_F(AttachmentTest, ResultOfAnotherVersionIsTurnedIntoTheConfigurations) {
  make_plugins("1.0.0");
  ASSERT_VALUE(attach(attachment("0.4.0"), "/n"));
  EXPECT_TRUE(log().contains(R"("prevResult":{"cniVersion":"0.4.0","interfaces":[{"name":"two"}],"dns":{}})"))
      << log();
}

TEST_F(AttachmentTest, DelAsksTheLastPluginFirstAndTellsTheResult) {
  make_plugins("1.0.0");
  const CniResult result = ASSERT_VALUE(parse_cni_result(R"({"cniVersion":"1.0.0","ips":[]})", "1.0.0"));
  ASSERT_TRUE(test::ok(detach(attachment("1.0.0"), result, "/n")));
  EXPECT_EQ(log(),
            R"(DEL three eth1 /n a=b;IgnoreUnknown=1
{"type":"three","name":"chain","cniVersion":"1.0.0","prevResult":{"cniVersion":"1.0.0","ips":[]}}
DEL two eth1 /n a=b;IgnoreUnknown=1
{"type":"two","capabilities":{"portMappings":true},"name":"chain","cniVersion":"1.0.0","runtimeConfig":{"portMappings":[{"hostPort":1}]},"prevResult":{"cniVersion":"1.0.0","ips":[]}}
DEL one eth1 /n a=b;IgnoreUnknown=1
{"type":"one","name":"chain","cniVersion":"1.0.0","prevResult":{"cniVersion":"1.0.0","ips":[]}}
)");
}

TEST_F(AttachmentTest, OldVersionsAreToldNoResultAtDel) {
  make_plugins("0.3.1");
  const CniResult result = ASSERT_VALUE(parse_cni_result(R"({"ips":[]})", "0.3.1"));
  ASSERT_TRUE(test::ok(detach(attachment("0.3.1"), result, "/n")));
  EXPECT_FALSE(log().contains("prevResult"));
}

TEST_F(AttachmentTest, FailureOfAPluginEndsTheChain) {
  make_plugins("1.0.0");
  break_plugin("ADD-two");
  EXPECT_EQ(error_of(attach(attachment("1.0.0"), "/n")),
            fmt::format("plugin '{}/two': two is broken", dir_.path()));
  EXPECT_FALSE(log().contains("three"));
}

TEST_F(AttachmentTest, ResultThatIsNoneNamesThePlugin) {
  make_plugins("1.0.0");
  ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), "two", "#!/bin/sh\necho '[]'\n", 0755)));
  EXPECT_EQ(error_of(attach(attachment("1.0.0"), "/n")),
            "plugin 'two': result: expected an object, found an array");
}

TEST_F(AttachmentTest, DelGoesOnAfterAFailureAndTellsAll) {
  make_plugins("1.0.0");
  break_plugin("DEL-three");
  break_plugin("DEL-one");
  EXPECT_EQ(error_of(detach(attachment("1.0.0"), std::nullopt, "/n")),
            fmt::format("plugin '{0}/three': three is broken; plugin '{0}/one': one is broken", dir_.path()));
  EXPECT_TRUE(log().contains("DEL two"));
}

TEST_F(AttachmentTest, PluginThatRefusesAtAllHasMadeNothing) {
  make_plugins("1.0.0");
  const auto undo = [&](const Attachment& made) {
    const auto attached = attach(made, "/n");
    return attached ? "(it was made)" : error_of(undo_failed(made, attached.error(), std::nullopt, "/n"));
  };
  for (const char* what : {"ADD-two", "DEL-two"}) break_plugin(what);
  EXPECT_EQ(undo(attachment("1.0.0")), "(no error)");
  EXPECT_TRUE(log().contains("DEL one")) << log();
  // Its own words, but others.
  break_plugin("DEL-one");
  EXPECT_EQ(undo(attachment("1.0.0")), fmt::format("plugin '{}/one': one is broken", dir_.path()));
  // The same end twice tells nothing.
  ASSERT_TRUE(test::ok(sys::remove_file(dir_.dir(), "fail-DEL-two")));
  ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), "one", "#!/bin/sh\nexit 7\n", 0755)));
  EXPECT_EQ(undo(attachment("1.0.0")),
            fmt::format("plugin '{}/one': it ended with status 7 and told no reason", dir_.path()));
  // It is not there at all.
  ASSERT_TRUE(test::ok(sys::remove_file(dir_.dir(), "one")));
  EXPECT_EQ(undo(attachment("1.0.0")), "(no error)");
}

TEST_F(AttachmentTest, PluginThatRefusesKeepsItsReservationsOnRecord) {
  make_plugins("1.0.0");
  for (const char* what : {"ADD-one", "DEL-one"}) break_plugin(what);
  Attachment made = attachment("1.0.0");
  made.conf = ASSERT_VALUE(parse_net_conf(
      fmt::format(R"({{"name":"lab","type":"one","ipam":{{"type":"host-local","dataDir":"{}"}}}})",
                  dir_.path()),
      "/lab.conf"));
  const auto attached = attach(made, "/n");
  ASSERT_FALSE(attached);
  EXPECT_EQ(error_of(undo_failed(made, attached.error(), std::nullopt, "/n")), "(no error)");
  const CniResult none = {};  // so that no stand-in is needed
  ASSERT_TRUE(test::ok(sys::make_dir(dir_.dir(), "lab")));
  ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), "lab/10.0.0.2", std::string(kUuid) + "\r\neth1")));
  EXPECT_EQ(error_of(undo_failed(made, attached.error(), none, "/n")), attached.error().to_string());
}

TEST_F(AttachmentTest, ProgressThatCannotBeRecordedEndsTheChain) {
  make_plugins("1.0.0");
  const auto progress = [](const CniResult&) -> Result<> { return fail(ErrorKind::kSystem, "disk full"); };
  EXPECT_EQ(error_of(attach(attachment("1.0.0"), "/n", progress)), "disk full");
  EXPECT_FALSE(log().contains("ADD two"));
}

TEST(PluginArgs, LetPluginsPassOverWhatTheyDoNotKnow) {
  EXPECT_EQ(plugin_args(""), "");
  EXPECT_EQ(plugin_args("IP=10.0.0.1"), "IP=10.0.0.1;IgnoreUnknown=1");
  EXPECT_EQ(plugin_args("a=b;"), "a=b;IgnoreUnknown=1");
  EXPECT_EQ(plugin_args("IgnoreUnknown=0;a=b"), "IgnoreUnknown=0;a=b");
}

TEST(Capabilities, AreAnObjectOfThoseWithValues) {
  EXPECT_EQ(ASSERT_VALUE(render_capabilities({})), "");
  CapabilityValues values;
  values.ports = {{.name = "web",
                   .protocol = "tcp",
                   .host_ip = ASSERT_VALUE(IpAddress::parse("10.1.1.1")),
                   .host_port = 8080,
                   .pod_port = 80},
                  {.name = "two", .protocol = "udp", .host_port = 53, .pod_port = 5353, .count = 2}};
  EXPECT_EQ(ASSERT_VALUE(render_capabilities(values)),
            R"({"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"10.1.1.1"},)"
            R"({"hostPort":53,"containerPort":5353,"protocol":"udp"},)"
            R"({"hostPort":54,"containerPort":5354,"protocol":"udp"}]})");
  values.ports.clear();
  values.bandwidth = {.ingress = 80'000'000, .egress = 1000};
  EXPECT_EQ(ASSERT_VALUE(render_capabilities(values)),
            R"({"bandwidth":{"ingressRate":80000000,"ingressBurst":10000000,"egressRate":1000,)"
            R"("egressBurst":262144}})");
  values.bandwidth.reset();
  values.dns = {.nameservers = {"9.9.9.9"}, .search = {"example.org"}, .options = {"ndots:2"}};
  values.args = "IP=10.1.2.3;x=y;IP=fd00::3;MAC=02:00:00:00:00:07";
  EXPECT_EQ(ASSERT_VALUE(render_capabilities(values)),
            R"({"dns":{"servers":["9.9.9.9"],"searches":["example.org"],"options":["ndots:2"]},)"
            R"("ips":["10.1.2.3","fd00::3"],"mac":"02:00:00:00:00:07"})");
}

TEST(Capabilities, PortsAreReadBack) {
  EXPECT_TRUE(ASSERT_VALUE(ports_in_capabilities("")).empty());
  EXPECT_TRUE(ASSERT_VALUE(ports_in_capabilities(R"({"mac":"02:00:00:00:00:07"})")).empty());
  CapabilityValues values;
  values.ports = {{.name = "",
                   .protocol = "tcp",
                   .host_ip = ASSERT_VALUE(IpAddress::parse("::1")),
                   .host_port = 65535,
                   .pod_port = 80},
                  {.name = "", .protocol = "udp", .host_port = 53, .pod_port = 5353}};
  EXPECT_EQ(ASSERT_VALUE(ports_in_capabilities(ASSERT_VALUE(render_capabilities(values)))), values.ports);
  for (const char* broken :
       {"{", R"({"portMappings":{}})", R"({"portMappings":[{}]})",
        R"({"portMappings":[{"hostPort":65536,"containerPort":1,"protocol":"tcp"}]})",
        R"({"portMappings":[{"hostPort":1,"containerPort":1,"protocol":"tcp","hostIP":"here"}]})"})
    EXPECT_FALSE(ports_in_capabilities(broken)) << broken;
}

class Reservations : public ::testing::Test {
 protected:
  std::string known() {
    const Attachment attachment{
        .conf = *parse_net_conf(
            fmt::format(R"({{"name":"lab","type":"x","ipam":{{"type":"host-local","dataDir":"{}"}}}})",
                        dir_.path()),
            "/etc/lab.conf"),
        .interface = "eth0",
        .args = {},
        .container_id = kUuid,
        .plugin_dirs = {}};
    const auto result = result_of_reservations(attachment);
    return result ? render_cni_result(*result, "1.0.0").value() : "none";
  }
  void reserve(const std::string& address, const std::string& text) {
    ASSERT_TRUE(test::ok(sys::make_dir(dir_.dir(), "lab")));
    ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), "lab/" + address, text)));
  }
  test::TempDir dir_;
};

TEST_F(Reservations, TellTheAddressesOfTheInterface) {
  EXPECT_EQ(known(), "none");
  reserve("last_reserved_ip.0", "10.0.0.5");
  reserve("10.0.0.4", "22222222-2222-4333-8444-555555555555\r\neth0");
  EXPECT_EQ(known(), "none");
  reserve("10.0.0.2", std::string(kUuid) + "\r\neth0");
  reserve("10.0.0.3", std::string(kUuid) + "\r\neth1");
  reserve("10.0.0.5", kUuid);
  EXPECT_EQ(
      known(),
      R"({"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/proc/self/ns/net"}],)"
      R"("ips":[{"interface":0,"address":"10.0.0.2/32"},{"interface":0,"address":"10.0.0.5/32"}],"dns":{}})");
}

}  // namespace
}  // namespace agena::stage1
