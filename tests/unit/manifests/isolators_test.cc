#include "manifests/isolators/isolators.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "manifests/isolators/sysctls.h"
#include "tests/support/result_matchers.h"

namespace agena::isolators {
namespace {

using agena::testing::error_of;
using schema::Isolator;
using schema::IsolatorKind;
using schema::IsolatorValue;
using schema::Quantity;

constexpr IsolatorKind kKinds[] = {
    IsolatorKind::kCpu,
    IsolatorKind::kMemory,
    IsolatorKind::kBlockBandwidth,
    IsolatorKind::kBlockIops,
    IsolatorKind::kNetworkBandwidth,
    IsolatorKind::kCapabilitiesRetain,
    IsolatorKind::kCapabilitiesRemove,
    IsolatorKind::kSeccompRetain,
    IsolatorKind::kSeccompRemove,
    IsolatorKind::kNoNewPrivileges,
    IsolatorKind::kCpuShares,
    IsolatorKind::kOomScoreAdj,
    IsolatorKind::kSelinuxContext,
    IsolatorKind::kApparmorProfile,
    IsolatorKind::kBlockIo,
    IsolatorKind::kPidsLimit,
    IsolatorKind::kRlimits,
    IsolatorKind::kTmpfs,
    IsolatorKind::kShmSize,
    IsolatorKind::kSysctls,
};

TEST(IsolatorsTest, EveryKindHasAName) {
  for (const IsolatorKind kind : kKinds) {
    EXPECT_FALSE(name_of(kind).empty()) << static_cast<int>(kind);
    EXPECT_EQ(kind_of(name_of(kind)), kind) << name_of(kind);
  }
  EXPECT_EQ(name_of(IsolatorKind::kUnknown), "");
  EXPECT_EQ(kind_of("resource/memory "), IsolatorKind::kUnknown);
  EXPECT_EQ(kind_of("resource/memory"), IsolatorKind::kMemory);
  EXPECT_EQ(kind_of("os/linux/seccomp-retain-set"), IsolatorKind::kSeccompRetain);
  EXPECT_EQ(kind_of("agena/seccomp-retain-set"), IsolatorKind::kSeccompRetain);
  EXPECT_EQ(name_of(IsolatorKind::kSeccompRetain), "os/linux/seccomp-retain-set");
}

std::string isolator_text(std::string_view name, std::string_view value) {
  return fmt::format(R"({{"name":"{}","value":{}}})", name, value);
}

Quantity quantity(const char* text) { return *Quantity::parse(text); }

struct GoodValue {
  const char* name;
  const char* json;
  IsolatorValue value;
};

const std::vector<GoodValue>& good_values() {
  static const std::vector<GoodValue> values = {
      {"resource/cpu", R"({"request":"250m","limit":"2"})",
       schema::ResourceValue{quantity("250m"), quantity("2")}},
      {"resource/cpu", "{}", schema::ResourceValue{}},
      {"resource/memory", R"({"limit":4096})", schema::ResourceValue{std::nullopt, Quantity::of(4096)}},
      {"resource/block-iops", R"({"default":true,"limit":"10"})",
       schema::ResourceValue{{}, quantity("10"), true}},
      {"os/linux/capabilities-retain-set", R"({"set":["CAP_KILL"]})", schema::CapabilitySet{{"CAP_KILL"}}},
      {"os/linux/capabilities-remove-set", R"({"set":["CAP_A_B2"],"x":1})",
       schema::CapabilitySet{{"CAP_A_B2"}}},
      {"os/linux/seccomp-retain-set", R"({"set":["_llseek","@systemd/raw-io"],"errno":"E2BIG"})",
       schema::SeccompSet{{"_llseek", "@systemd/raw-io"}, "E2BIG"}},
      {"os/linux/seccomp-remove-set", R"({"set":["ptrace"],"errno":""})", schema::SeccompSet{{"ptrace"}, ""}},
      {"os/linux/no-new-privileges", "false", schema::NoNewPrivileges{false}},
      {"os/linux/cpu-shares", "2", schema::CpuShares{2}},
      {"os/linux/cpu-shares", "262144", schema::CpuShares{262144}},
      {"os/linux/oom-score-adj", "-1000", schema::OomScoreAdj{-1000}},
      {"os/linux/oom-score-adj", "1000", schema::OomScoreAdj{1000}},
      {"os/linux/selinux-context", R"({"user":"u","role":"r","type":"t","level":"s0:c1"})",
       schema::SelinuxContext{"u", "r", "t", "s0:c1"}},
      {"agena/block-io", R"([{"device":"/dev/sda","readBps":1,"writeIops":2}])",
       schema::BlockIo{{{.device = "/dev/sda", .read_bps = 1, .write_iops = 2}}}},
      {"agena/pids-limit", "1", schema::PidsLimit{1}},
      {"agena/rlimits",
       R"([{"name":"nofile","soft":1,"hard":"unlimited"},{"name":"core","soft":0,"hard":0}])",
       schema::Rlimits{{{"nofile", 1, schema::Rlimit::kUnlimited}, {"core", 0, 0}}}},
      {"os/linux/apparmor-profile", R"("p")", schema::ApparmorProfile{"p"}},
      {"agena/tmpfs",
       R"([{"path":"/run"},{"path":"/x","size":8192,"mode":"0700","uid":7,"gid":8,"exec":true}])",
       schema::TmpfsMounts{
           {schema::TmpfsMount{.path = "/run"},
            schema::TmpfsMount{.path = "/x", .size = 8192, .mode = 0700, .uid = 7, .gid = 8, .exec = true}}}},
      {"agena/shm-size", "67108864", schema::ShmSize{67108864}},
      {"agena/sysctls", R"({"net.core.somaxconn":"1024","net/ipv4/conf/eth0.1/forwarding":"1"})",
       schema::Sysctls{{{"net.core.somaxconn", "1024"}, {"net/ipv4/conf/eth0.1/forwarding", "1"}}}},
      {"os/linux/apparmor-profile", R"({"profile":"p"})", schema::ApparmorProfile{"p"}},
  };
  return values;
}

TEST(IsolatorsTest, ReadsValuesAndKeepsTheirText) {
  for (const GoodValue& good : good_values()) {
    const std::string text = isolator_text(good.name, good.json);
    const Isolator isolator = ASSERT_VALUE(parse_isolator(text));
    EXPECT_EQ(isolator.name, good.name);
    EXPECT_EQ(isolator.kind, kind_of(good.name));
    EXPECT_EQ(isolator.json, good.json);
    EXPECT_EQ(isolator.value, good.value) << text;
    EXPECT_EQ(ASSERT_VALUE(write_isolator(isolator)), text);
  }
}

TEST(IsolatorsTest, MakesIsolatorsOfTypedValues) {
  for (const GoodValue& good : good_values()) {
    const Isolator isolator = ASSERT_VALUE(make_isolator(kind_of(good.name), good.value));
    EXPECT_EQ(isolator.value, good.value);
    const Isolator again = ASSERT_VALUE(parse_isolator(ASSERT_VALUE(write_isolator(isolator))));
    EXPECT_EQ(again, isolator) << good.name;
  }
  const Isolator memory = ASSERT_VALUE(
      make_isolator(IsolatorKind::kMemory, schema::ResourceValue{quantity("64Mi"), quantity("64Mi")}));
  EXPECT_EQ(ASSERT_VALUE(write_isolator(memory)),
            R"({"name":"resource/memory","value":{"request":"64Mi","limit":"64Mi"}})");
}

TEST(IsolatorsTest, RefusesToMakeBadIsolators) {
  EXPECT_EQ(error_of(make_isolator(IsolatorKind::kCpuShares, schema::CpuShares{1})),
            "isolator 'os/linux/cpu-shares': expected an integer from 2 to 262144, found 1");
  EXPECT_EQ(error_of(make_isolator(IsolatorKind::kCapabilitiesRetain, schema::CapabilitySet{})),
            "isolator 'os/linux/capabilities-retain-set': 'set' must not be empty");
  EXPECT_EQ(error_of(make_isolator(IsolatorKind::kMemory, schema::CpuShares{2})),
            "isolator 'resource/memory' got a value of another kind");
  EXPECT_FALSE(make_isolator(IsolatorKind::kUnknown, std::monostate{}));
  // The notation of a quantity may change in writing; the number may not.
  EXPECT_TRUE(make_isolator(IsolatorKind::kMemory, schema::ResourceValue{{}, quantity("0.5Ki")}));
}

struct BadValue {
  const char* name;
  const char* json;
  const char* error;  // behind "isolator: "
};

constexpr BadValue kBadValues[] = {
    {"resource/cpu", "null", "isolator 'resource/cpu' has no value"},
    {"resource/cpu", "\"1\"", "/value: expected an object, found \"1\""},
    {"resource/cpu", R"({"limit":"-1"})", "/value/limit: must not be negative"},
    {"resource/cpu", R"({"limit":1.5})", "/value/limit: expected a string, found 1.5"},
    {"resource/memory", R"({"limit":"1Gi","default":true})",
     "/value: 'default' must be false for this resource"},
    {"resource/memory", R"({"limit":"9Ei","request":""})",
     "/value/request: expected a quantity (a number with a suffix such as m, k, M, G, Ki, Mi, Gi, e3), found "
     "''; "
     "/value/limit: quantity '9Ei' is out of range (at most 9223372036854775807)"},
    {"resource/block-bandwidth", R"({"limit":"1"})", "/value: 'default' must be true for this resource"},
    {"resource/network-bandwidth", R"({"default":true,"request":"1"})",
     "/value/request: this resource has no requests, only limits"},
    {"os/linux/capabilities-retain-set", R"({"set":[]})", "/value: 'set' must not be empty"},
    {"os/linux/capabilities-retain-set", R"({})", "/value: missing 'set'"},
    {"os/linux/capabilities-retain-set", R"({"set":["KILL","CAP_","cap_kill",1]})",
     "/value/set/0: expected a capability's name such as CAP_NET_ADMIN, found \"KILL\"; /value/set/1: "
     "expected a "
     "capability's name such as CAP_NET_ADMIN, found \"CAP_\"; /value/set/2: expected a capability's name "
     "such as "
     "CAP_NET_ADMIN, found \"cap_kill\"; /value/set/3: expected a string, found 1"},
    {"os/linux/seccomp-remove-set", R"({"set":["@","a b",""],"errno":"eperm"})",
     "/value/set/0: expected a system call's name or an @group, found \"@\"; /value/set/1: expected a system "
     "call's "
     "name or an @group, found \"a b\"; /value/set/2: expected a system call's name or an @group, found "
     "\"\"; "
     "/value/errno: expected an errno's name such as EPERM, found \"eperm\""},
    {"os/linux/no-new-privileges", "1", "/value: expected true or false, found 1"},
    {"os/linux/cpu-shares", "262145", "/value: expected an integer from 2 to 262144, found 262145"},
    {"os/linux/cpu-shares", "1024.5", "/value: expected an integer from 2 to 262144, found 1024.5"},
    {"os/linux/oom-score-adj", "1001", "/value: expected an integer from -1000 to 1000, found 1001"},
    {"os/linux/selinux-context", R"({"user":"a:b","role":"","type":"t"})",
     "/value/user: must not contain ':'; /value/role: must not be empty; /value: missing 'level'"},
    {"agena/block-io", R"([{"device":"sda"},{"device":"/dev/sda","readBps":0}])",
     "/value/0/device: expected an absolute path, found \"sda\"; /value/1/readBps: expected an integer from 1 "
     "to "
     "9223372036854775807, found 0"},
    {"agena/pids-limit", "0", "/value: expected an integer from 1 to 4194304, found 0"},
    {"agena/rlimits", "{}", "/value: expected an array, found an object"},
    {"agena/rlimits", R"([{"name":"NOFILE","soft":1,"hard":"no"}])",
     "/value/0/hard: expected a number or \"unlimited\", found \"no\"; /value/0/name: expected the name of a "
     "resource such as nofile, found \"NOFILE\""},
    {"agena/rlimits", R"([{"name":"core","soft":2,"hard":1}])",
     "/value/0: the soft limit is above the hard one"},
    {"agena/rlimits", R"([{"name":"core","soft":1,"hard":1},{"name":"core","soft":1,"hard":1}])",
     "/value: limit 'core' stands there twice"},
    {"os/linux/apparmor-profile", "\"\"", "/value: must not be empty"},
    {"agena/tmpfs", R"([{"size":5},{"path":"x"},{"path":"/x","size":4095,"mode":"9","uid":-1,"exec":1}])",
     "/value/0: missing 'path'; /value/1/path: expected an absolute path, found \"x\"; /value/2/size: must "
     "be "
     "at least 4096 bytes; /value/2/mode: expected permissions in octal from '0000' to '7777', found \"9\"; "
     "/value/2/uid: expected an integer from 0 to 4294967294, found -1; /value/2/exec: expected true or "
     "false, "
     "found 1"},
    {"agena/shm-size", "\"1m\"", "/value: expected an integer from 0 to 9223372036854775807, found \"1m\""},
    {"agena/sysctls", R"({"net.a":"","net..a":"1","x":1})",
     "/value/net.a: must not be empty; /value/net..a: 'net..a' is not the name of a kernel setting; "
     "/value/x: "
     "expected a string, found 1; /value/x: 'x' is not the name of a kernel setting"},
    {"os/linux/apparmor-profile", "{}", "/value: missing 'profile'"},
};

TEST(IsolatorsTest, NamesFaultsOfBadValues) {
  for (const BadValue& bad : kBadValues)
    EXPECT_EQ(error_of(parse_isolator(isolator_text(bad.name, bad.json))),
              std::string("isolator: ") + bad.error)
        << bad.name << " " << bad.json;
}

TEST(IsolatorsTest, NamesFaultsOfTheObject) {
  EXPECT_EQ(error_of(parse_isolator("[]")), "isolator: expected an object, found an array");
  EXPECT_EQ(error_of(parse_isolator("{}")), "isolator: missing 'name'; missing 'value'");
  EXPECT_EQ(error_of(parse_isolator(R"({"name":"resource/CPU","value":1,"x":2})")),
            "isolator: unknown member 'x'; /name: expected an identifier (lower-case letters and digits, one "
            "of -._~/ "
            "between them), found 'resource/CPU'");
  EXPECT_EQ(error_of(parse_isolator("{")).substr(0, 15), "isolator: JSON:");
}

TEST(Sysctls, PathsOfBothNotations) {
  EXPECT_EQ(ASSERT_VALUE(sysctl_path("net.ipv4.ip_forward")), "net/ipv4/ip_forward");
  EXPECT_EQ(ASSERT_VALUE(sysctl_path("net/ipv4/conf/eth0.1/forwarding")), "net/ipv4/conf/eth0.1/forwarding");
  EXPECT_EQ(ASSERT_VALUE(sysctl_path("net.ipv4.conf.eth0/1.forwarding")), "net/ipv4/conf/eth0.1/forwarding");
  for (const char* wrong : {"", "net", ".net.a", "net.a.", "net/./a", "net/../a", "/net/a"})
    EXPECT_FALSE(sysctl_path(wrong)) << wrong;
}

TEST(Sysctls, BelongToNamespaces) {
  EXPECT_EQ(error_of(check_sysctl("kernel.shmmax", {})), "(no error)");
  EXPECT_EQ(error_of(check_sysctl("kernel.shmmax", {.ipc = false})),
            "'kernel.shmmax' would be the host's: the pod shares its IPC namespace (--ipc)");
  EXPECT_EQ(error_of(check_sysctl("net.core.somaxconn", {.network = false})),
            "'net.core.somaxconn' would be the host's: the pod shares its network (--net)");
  EXPECT_EQ(error_of(check_sysctl("kernel.domainname", {.ipc = false, .network = false})), "(no error)");
  for (const char* host :
       {"kernel.shmmaxx", "kernel.core_pattern", "vm.overcommit_memory", "fs.file-max", "fs.mqueue"})
    EXPECT_FALSE(check_sysctl(host, {})) << host;
}

TEST(IsolatorsTest, KeepsUnknownIsolators) {
  const Isolator isolator =
      ASSERT_VALUE(parse_isolator(R"({"name":"example.com/x","value":{"b":1,"a":[1e2,"ü"]}})"));
  EXPECT_EQ(isolator.kind, IsolatorKind::kUnknown);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(isolator.value));
  EXPECT_EQ(ASSERT_VALUE(write_isolator(isolator)),
            R"({"name":"example.com/x","value":{"b":1,"a":[100.0,"ü"]}})");
  EXPECT_EQ(ASSERT_VALUE(parse_isolator(R"({"name":"x","value":null})")).json, "null");
}

}  // namespace
}  // namespace agena::isolators
