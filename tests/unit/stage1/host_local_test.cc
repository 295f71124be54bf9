#include "stage1/net/host_local.h"

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/spawn.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using test::ok;

IpAddress ip(const std::string& text) { return IpAddress::parse(text).value(); }

AddressRange range(const std::string& subnet, const std::string& first, const std::string& last,
                   const std::string& gateway) {
  return {IpPrefix::parse(subnet).value(), ip(first), ip(last), ip(gateway)};
}

class HostLocal : public ::testing::Test {
 protected:
  HostLocal() {
    conf_.network = "net1";
    conf_.data_dir = top_.path() + "/networks";
    conf_.sets = {{range("10.1.0.0/24", "10.1.0.1", "10.1.0.5", "10.1.0.1")}};
  }

  // The addresses given, or the error.
  std::string reserve(const std::string& pod, const std::string& interface = "eth0") {
    const auto ips = reserve_addresses(conf_, pod, interface);
    if (!ips) return ips.error().to_string();
    std::vector<std::string> texts;
    for (const CniIp& one : *ips)
      texts.push_back(one.address.to_string() + " by " + one.gateway->to_string());
    return join(texts, ", ");
  }
  void release(const std::string& pod, const std::vector<std::string>& addresses = {},
               const std::string& interface = "eth0") {
    std::vector<IpAddress> known;
    for (const std::string& address : addresses) known.push_back(ip(address));
    EXPECT_TRUE(ok(release_addresses(conf_, pod, interface, known)));
  }
  std::string file(const std::string& name) {
    return sys::read_file(top_.dir(), "networks/net1/" + name).value_or("(none)");
  }
  void put(const std::string& name, const std::string& text) {
    ASSERT_TRUE(ok(sys::make_dirs(top_.dir(), "networks/net1")));
    ASSERT_TRUE(ok(sys::write_file(top_.dir(), "networks/net1/" + name, text)));
  }
  // Reserved addresses, in order of their text.
  std::string reserved() {
    std::vector<std::string> names;
    const auto all = sys::list_dir(top_.dir(), "networks/net1").value();
    for (const std::string& name : all)
      if (IpAddress::parse(name)) names.push_back(name);
    return join(names, " ");
  }

  test::TempDir top_;
  HostLocalConf conf_;
};

TEST_F(HostLocal, GivesTheNextAddressRoundAndRound) {
  EXPECT_EQ(reserve("a"), "10.1.0.2/24 by 10.1.0.1");
  EXPECT_EQ(file("10.1.0.2"), "a\r\neth0");
  EXPECT_EQ(file("last_reserved_ip.0"), "10.1.0.2");
  EXPECT_EQ(reserve("b"), "10.1.0.3/24 by 10.1.0.1");
  release("a");
  // The one that has just become free comes last.
  EXPECT_EQ(reserve("c"), "10.1.0.4/24 by 10.1.0.1");
  EXPECT_EQ(reserve("d"), "10.1.0.5/24 by 10.1.0.1");
  EXPECT_EQ(reserve("e"), "10.1.0.2/24 by 10.1.0.1");
  EXPECT_EQ(file("last_reserved_ip.0"), "10.1.0.2");
  EXPECT_EQ(reserve("f"), "no IP addresses available in range set: 10.1.0.1-10.1.0.5");
  release("c");
  EXPECT_EQ(reserve("f"), "10.1.0.4/24 by 10.1.0.1");
}

TEST_F(HostLocal, GivesOneOfEachSetOrNone) {
  conf_.sets.push_back({range("fd00:1::/64", "fd00:1::1", "fd00:1::2", "fd00:1::1")});
  EXPECT_EQ(reserve("a"), "10.1.0.2/24 by 10.1.0.1, fd00:1::2/64 by fd00:1::1");
  EXPECT_EQ(reserve("b"), "no IP addresses available in range set: fd00:1::1-fd00:1::2");
  EXPECT_EQ(reserved(), "10.1.0.2 fd00:1::2");
  EXPECT_EQ(file("last_reserved_ip.1"), "fd00:1::2");
}

TEST_F(HostLocal, GoesFromOneRangeOfASetToTheNext) {
  conf_.sets = {{range("10.1.0.0/24", "10.1.0.7", "10.1.0.8", "10.1.0.1"),
                 range("10.2.0.0/30", "10.2.0.1", "10.2.0.2", "10.2.0.1")}};
  EXPECT_EQ(reserve("a"), "10.1.0.7/24 by 10.1.0.1");
  EXPECT_EQ(reserve("b"), "10.1.0.8/24 by 10.1.0.1");
  EXPECT_EQ(reserve("c"), "10.2.0.2/30 by 10.2.0.1");
  EXPECT_EQ(reserve("d"), "no IP addresses available in range set: 10.1.0.7-10.1.0.8,10.2.0.1-10.2.0.2");
  release("a");
  EXPECT_EQ(reserve("d"), "10.1.0.7/24 by 10.1.0.1");
}

TEST_F(HostLocal, GivesWhatIsAskedFor) {
  conf_.sets.push_back({range("fd00:1::/64", "fd00:1::1", "fd00:1::ff", "fd00:1::1")});
  conf_.wanted = {ip("fd00:1::7"), ip("10.1.0.4")};
  EXPECT_EQ(reserve("a"), "10.1.0.4/24 by 10.1.0.1, fd00:1::7/64 by fd00:1::1");
  EXPECT_EQ(reserve("b"), "the requested address 10.1.0.4 is not available in range set 10.1.0.1-10.1.0.5");
  conf_.wanted = {ip("10.1.0.1")};
  EXPECT_EQ(reserve("b"), "the requested address 10.1.0.1 is the subnet's gateway");
  conf_.wanted = {ip("10.1.0.9")};
  EXPECT_EQ(reserve("b"), "the requested address 10.1.0.9 is in none of the network's ranges");
  conf_.wanted = {ip("10.1.0.2"), ip("10.1.0.3")};
  EXPECT_EQ(reserve("b"), "10.1.0.3 is one requested address too many for its range set");
  EXPECT_EQ(reserved(), "10.1.0.4 fd00:1::7");
}

TEST_F(HostLocal, AnInterfaceGetsOneAddressOfASet) {
  EXPECT_EQ(reserve("a"), "10.1.0.2/24 by 10.1.0.1");
  EXPECT_EQ(reserve("a"), "10.1.0.2 has been allocated to this interface of the pod already");
  EXPECT_EQ(reserve("a", "eth1"), "10.1.0.3/24 by 10.1.0.1");
  release("a", {}, "eth1");
  EXPECT_EQ(reserved(), "10.1.0.2");
}

TEST_F(HostLocal, FreesOnlyWhatThePodHas) {
  EXPECT_EQ(reserve("a"), "10.1.0.2/24 by 10.1.0.1");
  EXPECT_EQ(reserve("b"), "10.1.0.3/24 by 10.1.0.1");
  // What the record says is of another pod by now: that one keeps it.
  release("a", {"10.1.0.3"});
  EXPECT_EQ(reserved(), "10.1.0.3");
  release("a", {"10.1.0.3"});
  release("nobody");
  EXPECT_EQ(reserved(), "10.1.0.3");
  release("b", {"10.1.0.3"});
  EXPECT_EQ(reserved(), "");
}

TEST_F(HostLocal, ThereMayBeNothingToFree) {
  release("a");
  release("a", {"10.1.0.3"});
  EXPECT_FALSE(sys::exists(top_.dir(), "networks").value());
}

TEST_F(HostLocal, ReadsWhatOthersHaveWritten) {
  put("10.1.0.2", "other\n");           // an old plugin: without the interface
  put("10.1.0.3", "other2\r\neth0\n");  // an editor
  put("last_reserved_ip.0", "10.1.0.4\n");
  put("10.1.0.5", "third\r\neth0");
  EXPECT_EQ(reserve("a"), "10.1.0.4/24 by 10.1.0.1");
  release("other");
  release("other2");
  EXPECT_EQ(reserved(), "10.1.0.4 10.1.0.5");
}

TEST_F(HostLocal, WhatAKilledWriterLeftBehindIsFree) {
  put("10.1.0.2", "");
  put("last_reserved_ip.0", "");
  EXPECT_EQ(reserve("a"), "10.1.0.2/24 by 10.1.0.1");
  EXPECT_EQ(file("10.1.0.2"), "a\r\neth0");
  // Killed before the file got its name.
  put(".10.1.0.3.tmp-77", "b\r\neth0");
  release("b");
  EXPECT_EQ(file(".10.1.0.3.tmp-77"), "(none)");
}

TEST_F(HostLocal, StrangeFilesDisturbNobody) {
  put("last_reserved_ip.0", "192.0.2.1");
  put("notes", std::string(100, 'x'));
  EXPECT_EQ(reserve("a"), "10.1.0.2/24 by 10.1.0.1");
  put("last_reserved_ip.0", "garbage");
  EXPECT_EQ(reserve("b"), "10.1.0.3/24 by 10.1.0.1");
  release("a");
  EXPECT_EQ(file("notes"), std::string(100, 'x'));
}

TEST_F(HostLocal, ManyAtATimeGetDifferentAddresses) {
  constexpr int kProcesses = 8;
  constexpr int kEach = 12;
  conf_.sets = {{range("10.1.0.0/24", "10.1.0.1", "10.1.0.254", "10.1.0.1")}};
  std::vector<sys::Child> children;
  for (int p = 0; p < kProcesses; ++p) {
    auto child = sys::fork_child([&] {
      for (int i = 0; i < kEach; ++i) {
        // Every third one is given back: numbers are used again while others look for theirs.
        const std::string pod = fmt::format("pod-{}-{}", p, i);
        if (!reserve_addresses(conf_, pod, "eth0")) return 1;
        if (i % 3 == 0 && !release_addresses(conf_, pod, "eth0")) return 2;
      }
      return 0;
    });
    ASSERT_TRUE(ok(child));
    children.push_back(*std::move(child));
  }
  for (sys::Child& child : children) EXPECT_TRUE(child.wait().value().success());
  std::set<std::string> owners;
  std::size_t count = 0;
  for (const std::string& name : split(reserved(), ' ')) {
    owners.insert(file(name));
    ++count;
  }
  EXPECT_EQ(count, static_cast<std::size_t>(kProcesses * kEach * 2 / 3));
  EXPECT_EQ(owners.size(), count);
}

}  // namespace
}  // namespace agena::stage1
