#include "stage0/cli/flag_values.h"

#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using testing::error_of;

std::string shown(const VolumeRequest& volume) {
  std::string text = volume.name + (volume.kind == VolumeRequest::Kind::kHost ? " host" : " empty");
  if (!volume.source.empty()) text += " " + volume.source;
  if (volume.read_only) text += *volume.read_only ? " ro" : " rw";
  if (volume.recursive) text += *volume.recursive ? " rec" : " norec";
  if (volume.mode) text += fmt::format(" {:o}", *volume.mode);
  if (volume.uid) text += fmt::format(" u{}", *volume.uid);
  if (volume.gid) text += fmt::format(" g{}", *volume.gid);
  constexpr const char* kPropagations[] = {" private", " slave", " shared"};
  if (volume.map_ids) text += " idmap";
  if (volume.propagation) text += kPropagations[static_cast<std::size_t>(*volume.propagation)];
  return text;
}
std::string shown(const MountRequest& mount) { return mount.volume + " " + mount.target; }
std::string shown(const PortRequest& port) {
  return fmt::format("{} '{}' {}", port.name, port.host_ip, port.host_port);
}
std::string shown(const std::vector<NameValue>& list) {
  std::string text;
  for (const NameValue& pair : list) text += fmt::format("[{}={}]", pair.name, pair.value);
  return text;
}

// Text and what it becomes, or the error.
struct Row {
  const char* text;
  const char* expected;
};

template <class Parse>
void expect_rows(Parse parse, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const auto value = parse(row.text);
    EXPECT_EQ(value ? shown(*value) : error_of(value), row.expected) << row.text;
  }
}

TEST(FlagValues, Volumes) {
  expect_rows(
      parse_volume,
      {{"data,kind=host,source=/srv", "data host /srv"},
       {"data,kind=host,source=/srv,readOnly=true,recursive=false", "data host /srv ro norec"},
       {"data,source=/srv,readOnly=0,kind=host", "data host /srv rw"},
       {"data,kind=host,source=/srv,propagation=rshared", "data host /srv shared"},
       {"data,kind=host,source=/srv,propagation=slave", "data host /srv slave"},
       {"data,kind=host,source=/srv,idmap=true", "data host /srv idmap"},
       {"data,kind=host,source=/srv,propagation=up",
        "volume 'data': propagation: 'up' is none of: private, slave, shared"},
       {"tmp,kind=empty,propagation=private", "volume 'tmp' of kind empty cannot have a propagation"},
       {"data,kind=host,source=/srv,readOnly=true,propagation=slave",
        "volume 'data' is read-only, so it can only be private: what is mounted below it later would be "
        "writable"},
       {"tmp,kind=empty", "tmp empty"},
       {"tmp,kind=empty,mode=0750,uid=5,gid=0", "tmp empty 750 u5 g0"},
       {"data,kind=host,source=/a%2Cb%20c", "data host /a,b c"},
       // '+' and lone '%' are ordinary characters of a path.
       {"data,kind=host,source=/c++/100%", "data host /c++/100%"},
       {"", "expected NAME,kind=host|empty,…, found ''"},
       {"kind=host,source=/srv", "expected NAME,kind=host|empty,…, found 'kind=host,source=/srv'"},
       {"data", "volume 'data' has no kind (host or empty)"},
       {"data,source=/srv", "volume 'data' has no kind (host or empty)"},
       {"data,kind=tmpfs", "volume 'data': kind: 'tmpfs' is neither 'host' nor 'empty'"},
       {"data,kind=host", "volume 'data' of kind host has no source"},
       {"data,kind=host,source=srv", "volume 'data': source: 'srv' is not an absolute path"},
       {"data,kind=host,source=/a%00b", "volume 'data': source: '/a\\x00b' contains a NUL"},
       {"data,kind=host,source=/srv,mode=0755", "volume 'data' of kind host cannot have mode, uid or gid"},
       {"data,kind=empty,source=/srv", "volume 'data' of kind empty cannot have a source"},
       {"data,kind=empty,mode=9", "volume 'data': mode: '9' is not an octal mode"},
       {"data,kind=empty,mode=17777", "volume 'data': mode: '17777' is not an octal mode"},
       {"data,kind=empty,uid=-1", "volume 'data': uid: expected a number, found '-1'"},
       {"data,kind=empty,uid=4294967295",
        "volume 'data': uid: number '4294967295' is out of range (0 to 4294967294)"},
       {"data,kind=empty,kind=host", "'kind' is given twice"},
       {"data,kind=empty,size=5", "volume 'data': unknown parameter 'size'"},
       {"data,kind=empty,,", "expected KEY=VALUE, found ''"},
       {"data,kind=host,source=/srv,readOnly=yes",
        "volume 'data': readOnly: expected true or false, found 'yes'"}});
}

TEST(FlagValues, Mounts) {
  expect_rows(parse_mount, {{"volume=v,target=/a", "v /a"},
                            {"target=/a%2Cb,volume=v", "v /a,b"},
                            {"volume=v", "'volume=v' names no target"},
                            {"target=/a", "'target=/a' names no volume"},
                            {"volume=v,target=a", "target: 'a' is not an absolute path"},
                            {"volume=v,path=/a", "unknown parameter 'path'"},
                            {"", "expected KEY=VALUE, found ''"}});
}

TEST(FlagValues, Ports) {
  expect_rows(parse_port, {{"http:8080", "http '' 8080"},
                           {"http:127.0.0.1:80", "http '127.0.0.1' 80"},
                           {"http:[fd00::1]:80", "http 'fd00::1' 80"},
                           {"http:[::1]:80",
                            "ports cannot be forwarded from '::1': the kernel brings no answers back to it; "
                            "use 127.0.0.1"},
                           {"http", "expected NAME:[HOSTIP:]HOSTPORT, found 'http'"},
                           {":80", "expected NAME:[HOSTIP:]HOSTPORT, found ':80'"},
                           {"http:localhost:80", "'localhost' is not an IP address"},
                           {"http:0", "host port: number '0' is out of range (1 to 65535)"},
                           {"http:65536", "host port: number '65536' is out of range (1 to 65535)"},
                           {"http:", "host port: expected a number, found ''"},
                           {"80:8080", "80 '' 8080"},
                           {"80-tcp:8080", "80-tcp '' 8080"},
                           {"53/udp:127.0.0.1:5353", "53/udp '127.0.0.1' 5353"},
                           {"53/icmp:5353", "unknown protocol 'icmp' (tcp, udp, sctp)"},
                           {"0/udp:5353", "port of the pod: number '0' is out of range (1 to 65535)"},
                           {"20-10/udp:20", "the range '20-10' ends before it begins"}});
}

TEST(FlagValues, PortsOfAPod) {
  const auto text = [](const char* value) -> std::string {
    const auto port = parse_pod_port(value);
    if (!port) return port.error().to_string();
    return fmt::format("{} {} {} '{}' {}", port->name, port->protocol, port->pod_port, port->host_ip,
                       port->host_port);
  };
  EXPECT_EQ(text("http:tcp:80:127.0.0.1:8080"), "http tcp 80 '127.0.0.1' 8080");
  EXPECT_EQ(text("dns:udp:53::5353"), "dns udp 53 '' 5353");
  EXPECT_EQ(text("x:tcp:1:[fe80::1]:2"), "x tcp 1 'fe80::1' 2");
  EXPECT_EQ(text("x:tcp:1:fe80::1:2"), "x tcp 1 'fe80::1' 2") << "nothing else can stand there";
  EXPECT_EQ(text("http:8080"), "expected NAME:PROTO:PORT:HOSTIP:HOSTPORT, found 'http:8080'");
  EXPECT_EQ(text("x:tcp:1:2"), "expected NAME:PROTO:PORT:HOSTIP:HOSTPORT, found 'x:tcp:1:2'");
  EXPECT_EQ(text(":tcp:1::2"), "expected NAME:PROTO:PORT:HOSTIP:HOSTPORT, found ':tcp:1::2'");
  EXPECT_EQ(text("x:sctp:1::2"), "x sctp 1 '' 2");
  EXPECT_EQ(text("x:icmp:1::2"), "unknown protocol 'icmp' (tcp, udp, sctp)");
  EXPECT_EQ(text("x:tcp:0::2"), "port of the pod: number '0' is out of range (1 to 65535)");
  EXPECT_EQ(text("x:tcp:1::70000"), "host port: number '70000' is out of range (1 to 65535)");
  EXPECT_EQ(text("x:tcp:1:host:2"), "'host' is not an IP address");
}

TEST(FlagValues, EnvironmentFiles) {
  expect_rows(parse_env_file, {{"", ""},
                               {"A=1\nB=2\n", "[A=1][B=2]"},
                               {"# c\n; c\n\n  A=1  \r\n", "[A=1]"},
                               {"A=b=c\nE=", "[A=b=c][E=]"},
                               {"A=1\nnonsense", "line 2: expected NAME=VALUE, found 'nonsense'"},
                               {"=1", "line 1: expected NAME=VALUE, found '=1'"},
                               {"A=1\n\nA=2", "line 3: 'A' is already set"}});
}

// Sets one value after the other and shows the last error, or what there is in the end.
template <class State, class Add, class Show>
std::string added(Add add, Show show, std::initializer_list<const char*> texts) {
  State state;
  for (const char* text : texts)
    if (const Result<> result = add(state, text); !result) return error_of(result);
  return show(state);
}

std::string networks(std::initializer_list<const char*> texts) {
  return added<std::vector<NetworkRequest>>(
      add_networks,
      [](const std::vector<NetworkRequest>& list) {
        std::string text;
        for (const NetworkRequest& net : list) text += fmt::format("[{}|{}]", net.name, net.args);
        return text;
      },
      texts);
}

TEST(FlagValues, Networks) {
  EXPECT_EQ(networks({"none"}), "[none|]");
  EXPECT_EQ(networks({"a,b:IP=1.2.3.4;k=v"}), "[a|][b|IP=1.2.3.4;k=v]");
  EXPECT_EQ(networks({"a", "b"}), "[a|][b|]");
  EXPECT_EQ(networks({"all"}), "[all|]");
  EXPECT_EQ(networks({""}), "empty network name in ''");
  EXPECT_EQ(networks({"a,,b"}), "empty network name in 'a,,b'");
  EXPECT_EQ(networks({"a,a"}), "network 'a' is given twice");
  EXPECT_EQ(networks({"a", "a:IP=1"}), "network 'a' is given twice");
  EXPECT_EQ(networks({"host:IP=1"}), "network 'host' takes no arguments");
  EXPECT_EQ(networks({"all:IP=1"}), "network 'all' takes no arguments");
  EXPECT_EQ(networks({"a,host"}), "network 'host' cannot be combined with others");
  EXPECT_EQ(networks({"none", "a"}), "network 'none' cannot be combined with others");
}

std::string dns(std::initializer_list<const char*> texts) {
  return added<DnsRequest>(
      add_dns,
      [](const DnsRequest& request) {
        return fmt::format("{} {}", static_cast<int>(request.mode), join(request.servers, " "));
      },
      texts);
}

TEST(FlagValues, NameServers) {
  EXPECT_EQ(dns({"8.8.8.8,::1", "1.1.1.1"}), "3 8.8.8.8 ::1 1.1.1.1");
  EXPECT_EQ(dns({"host"}), "1 ");
  EXPECT_EQ(dns({"none"}), "2 ");
  EXPECT_EQ(dns({"host", "8.8.8.8"}), "'host' and 'none' cannot be combined with other values");
  EXPECT_EQ(dns({"8.8.8.8", "none"}), "'host' and 'none' cannot be combined with other values");
  EXPECT_EQ(dns({"host,8.8.8.8"}), "'host' is not an IP address");
  EXPECT_EQ(dns({"dns.example"}), "'dns.example' is not an IP address");
  EXPECT_EQ(dns({""}), "empty element in ''");
}

std::string hosts(std::initializer_list<const char*> texts) {
  return added<HostsRequest>(
      add_hosts_entries,
      [](const HostsRequest& request) {
        std::string text = fmt::format("{}", static_cast<int>(request.mode));
        for (const HostsEntry& entry : request.entries)
          text += fmt::format(" {}={}", entry.address, join(entry.names, "+"));
        return text;
      },
      texts);
}

TEST(FlagValues, HostsEntries) {
  EXPECT_EQ(hosts({"127.0.0.1=a,127.0.0.1=b,::1=c", "127.0.0.1=d"}), "2 127.0.0.1=a+b+d ::1=c");
  EXPECT_EQ(hosts({"host"}), "1");
  EXPECT_EQ(hosts({"host", "127.0.0.1=a"}), "'host' cannot be combined with other values");
  EXPECT_EQ(hosts({"127.0.0.1=a", "host"}), "'host' cannot be combined with other values");
  EXPECT_EQ(hosts({"127.0.0.1"}), "expected IP=NAME, found '127.0.0.1'");
  EXPECT_EQ(hosts({"127.0.0.1="}), "expected IP=NAME, found '127.0.0.1='");
  EXPECT_EQ(hosts({"a=127.0.0.1"}), "'a' is not an IP address");
  EXPECT_EQ(hosts({"127.0.0.1=a b"}), "'a b' is not a host name");
}

std::string insecure(std::initializer_list<const char*> texts) {
  return added<InsecureOptions>(
      add_insecure_options,
      [](const InsecureOptions& on) {
        return fmt::format("{}{}{}{}{}{}{}{}{}{}", on.image ? "i" : "", on.tls ? "t" : "", on.http ? "h" : "",
                           on.pubkey ? "k" : "", on.capabilities ? "c" : "", on.paths ? "p" : "",
                           on.seccomp ? "s" : "", on.limits ? "l" : "", on.lsm ? "m" : "",
                           on.image_isolators ? "I" : "");
      },
      texts);
}

TEST(FlagValues, InsecureOptions) {
  EXPECT_EQ(insecure({"none"}), "");
  EXPECT_EQ(insecure({"ondisk"}), "");
  EXPECT_EQ(insecure({"image,paths"}), "ip");
  EXPECT_EQ(insecure({"limits"}), "l");
  EXPECT_EQ(insecure({"lsm"}), "m");
  EXPECT_EQ(insecure({"image-isolators"}), "I");
  EXPECT_EQ(insecure({"image", "tls"}), "it");
  EXPECT_EQ(insecure({"all-fetch"}), "ithk");
  EXPECT_EQ(insecure({"all-run"}), "cpslmI");
  EXPECT_EQ(insecure({"all"}), "ithkcpslmI");
  EXPECT_EQ(insecure({"everything"}), "unknown insecure option 'everything'");
  EXPECT_EQ(insecure({""}), "unknown insecure option ''");
}

TEST(FlagValues, ListsAndIds) {
  EXPECT_EQ(ASSERT_VALUE(parse_list("a,b")), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(error_of(parse_list("a,")), "empty element in 'a,'");
  EXPECT_EQ(ASSERT_VALUE(parse_ids("0,65534")), (std::vector<std::uint32_t>{0, 65534}));
  EXPECT_EQ(error_of(parse_ids("1,x")), "expected a number, found 'x'");
  EXPECT_EQ(ASSERT_VALUE(parse_pull_policy("never")), PullPolicy::kNever);
  EXPECT_EQ(error_of(parse_pull_policy("always")), "'always' is none of: never, new, update");
}

}  // namespace
}  // namespace agena::stage0
