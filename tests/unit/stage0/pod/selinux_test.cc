#include "stage0/pod/selinux.h"

#include <gtest/gtest.h>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using test::ok;
using test::TempDir;

constexpr const char* kContexts =
    "# of the policy\nprocess = \"system_u:system_r:container_t:s0\"\ncontent = "
    "\"system_u:object_r:virt_var_lib_t:s0\"\n"
    "file = \"system_u:object_r:container_file_t:s0\"\n";

TEST(Selinux, ContextsOfThePolicy) {
  const auto labels = parse_lxc_contexts(kContexts);
  ASSERT_TRUE(ok(labels));
  EXPECT_EQ(labels->process, "system_u:system_r:container_t:s0");
  EXPECT_EQ(labels->mount, "system_u:object_r:container_file_t:s0");
  const auto missing = parse_lxc_contexts("process = \"a:b:c:s0\"\n");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().to_string(), "'file' of lxc_contexts is no SELinux context with a level: ''");
  EXPECT_FALSE(parse_lxc_contexts("process = \"a:b:c\"\nfile = \"a:b:c:s0\"\n"));
}

TEST(Selinux, Levels) {
  EXPECT_EQ(with_level("u:r:t:s0", "s0:c1,c2"), "u:r:t:s0:c1,c2");
  EXPECT_EQ(with_level("u:r:t:s0:c7,c9", "s0:c1,c2"), "u:r:t:s0:c1,c2");
  EXPECT_EQ(categories_of("u:r:t:s0:c1,c2"), "c1,c2");
  EXPECT_EQ(categories_of("u:r:t:s0"), "");
}

TEST(Selinux, PairsAreOrderedAndNew) {
  std::set<std::string> taken;
  for (int i = 0; i < 2000; ++i) {
    const auto pair = choose_categories(taken);
    ASSERT_TRUE(ok(pair));
    unsigned low = 0;
    unsigned high = 0;
    ASSERT_EQ(std::sscanf(pair->c_str(), "c%u,c%u", &low, &high), 2) << *pair;
    EXPECT_LT(low, high);
    EXPECT_LT(high, 1024U);
    EXPECT_TRUE(taken.insert(*pair).second) << *pair;
  }
}

TEST(Selinux, NoPairIsLeft) {
  std::set<std::string> all;
  for (int a = 0; a < 1024; ++a)
    for (int b = a + 1; b < 1024; ++b) all.insert("c" + std::to_string(a) + ",c" + std::to_string(b));
  const auto pair = choose_categories(all);
  ASSERT_FALSE(pair);
  EXPECT_EQ(pair.error().kind(), ErrorKind::kBusy);
}

class SelinuxPods : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* dir : {"data/locks", "data/pods/run/a", "data/pods/run/b", "host/sys/fs/selinux",
                            "host/etc/selinux/strict/contexts"})
      ASSERT_TRUE(ok(sys::make_dirs(temp_.dir(), dir)));
  }
  Result<SelinuxLabels> label(const std::string& pod) {
    const sys::DirFd data = *sys::open_dir(temp_.dir(), "data");
    return label_pod(*sys::open_dir(temp_.dir(), "host"), data, *sys::open_dir(data, "pods/run/" + pod));
  }
  void switch_on() { ASSERT_TRUE(ok(sys::write_file(temp_.dir(), "host/sys/fs/selinux/enforce", "1"))); }
  TempDir temp_;
};

TEST_F(SelinuxPods, OffMeansNoLabels) {
  const auto labels = label("a");
  ASSERT_TRUE(ok(labels));
  EXPECT_EQ(*labels, SelinuxLabels());
  EXPECT_FALSE(*sys::exists(temp_.dir(), "data/pods/run/a/selinux"));
}

TEST_F(SelinuxPods, EachPodHasItsOwnCategories) {
  switch_on();
  ASSERT_TRUE(
      ok(sys::write_file(temp_.dir(), "host/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=strict\n")));
  ASSERT_TRUE(ok(sys::write_file(temp_.dir(), "host/etc/selinux/strict/contexts/lxc_contexts", kContexts)));
  const auto a = label("a");
  const auto b = label("b");
  ASSERT_TRUE(ok(a) && ok(b));
  EXPECT_TRUE(a->process.starts_with("system_u:system_r:container_t:s0:c")) << a->process;
  EXPECT_EQ(categories_of(a->process), categories_of(a->mount));
  EXPECT_NE(categories_of(a->process), categories_of(b->process));
  EXPECT_EQ(sys::read_file(temp_.dir(), "data/pods/run/a/selinux"), a->process + "\n" + a->mount + "\n");
}

TEST_F(SelinuxPods, WithoutContextsThePolicyIsNamed) {
  switch_on();
  const auto labels = label("a");
  ASSERT_FALSE(labels);
  EXPECT_EQ(labels.error().to_string(),
            "SELinux is on, but neither '/etc/selinux/targeted/contexts/lxc_contexts' nor "
            "'/usr/share/containers/selinux/contexts' is there");
}

}  // namespace
}  // namespace agena::stage0
