#include "stage0/pod/pod_name.h"

#include <gtest/gtest.h>

#include "common/contract/pod_paths.h"
#include "stage0/pod/start_again.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using agena::testing::error_of;
using test::ok;

constexpr const char* kOne = "abba1111-1111-4111-8111-111111111111";
constexpr const char* kTwo = "abba2222-2222-4222-8222-222222222222";

class PodNameTest : public ::testing::Test {
 protected:
  Pod make(PodDirectory directory, const std::string& uuid) const {
    const Uuid id = Uuid::parse(uuid).value();
    EXPECT_TRUE(ok(sys::make_dir(pods_.dir(), Pods::path_of(directory, id))));
    return Pod::open(pods_, id).value();
  }

  test::TempDir temp_;
  Pods pods_ = Pods::create(temp_.path() + "/data").value();
};

TEST_F(PodNameTest, Grammar) {
  for (const char* name : {"web", "a", "9", "web-1.prod_x", "abba", "decade", "12345678x"})
    EXPECT_TRUE(ok(check_pod_name(name))) << name;
  for (const char* name : {"", "-web", ".web", "Web", "a b", "a/b", "..", "web\n"})
    EXPECT_FALSE(check_pod_name(name).has_value()) << name;
  EXPECT_FALSE(check_pod_name(std::string(65, 'x')).has_value());
  for (const char* name : {"abba1111", "12345678", kOne})
    EXPECT_TRUE(error_of(check_pod_name(name)).ends_with("it could be taken for a UUID")) << name;
}

TEST_F(PodNameTest, StandsForTheUuid) {
  Pod pod = make(PodDirectory::kPrepared, kOne);
  make(PodDirectory::kPrepared, kTwo);
  EXPECT_EQ(error_of(find_pod(pods_, "web")), "no matches found for \"web\"");
  ASSERT_TRUE(ok(take_pod_name(pods_, pod, "web")));
  EXPECT_EQ(find_pod(pods_, "web")->uuid(), pod.uuid());
  EXPECT_EQ(read_pod_name(pod.dir()).value(), "web");
  // A name wins over a beginning of a UUID.
  EXPECT_EQ(error_of(find_pod(pods_, "abba")), "ambiguous uuid, 2 matches");
  ASSERT_TRUE(ok(take_pod_name(pods_, pod, "abba")));
  EXPECT_EQ(find_pod(pods_, "abba")->uuid(), pod.uuid());
}

TEST_F(PodNameTest, IsTakenByPodsThatMayRun) {
  for (const auto& [directory, taken] : {std::pair{PodDirectory::kPrepared, true},
                                         {PodDirectory::kRun, true},
                                         {PodDirectory::kPrepare, false},
                                         {PodDirectory::kExitedGarbage, false},
                                         {PodDirectory::kGarbage, false}}) {
    const std::string name = "name" + std::to_string(static_cast<int>(directory));
    const Uuid uuid = Uuid::random().value();
    const Pod owner = make(directory, uuid.str());
    ASSERT_TRUE(ok(take_pod_name(pods_, owner, name)));
    const Pod other = make(PodDirectory::kPrepare, Uuid::random().value().str());
    const auto refused = take_pod_name(pods_, other, name);
    EXPECT_EQ(refused.has_value(), !taken) << contract::name_of(directory);
    EXPECT_EQ(check_name_free(pods_, name).has_value(), !taken || refused.has_value());
    if (taken) {
      EXPECT_TRUE(
          error_of(refused).starts_with("the pod name '" + name + "' is taken by pod '" + uuid.str()));
      EXPECT_EQ(read_pod_name(other.dir()).value(), "") << "the loser has no name";
    }
  }
}

TEST_F(PodNameTest, APodBeingPreparedKeepsIts) {
  auto pod = Pod::create(pods_);
  ASSERT_TRUE(ok(pod));
  ASSERT_TRUE(ok(take_pod_name(pods_, *pod, "web")));
  EXPECT_FALSE(check_name_free(pods_, "web").has_value());
}

TEST_F(PodNameTest, IsFreedByItsOwnerOnly) {
  const Pod owner = make(PodDirectory::kExitedGarbage, kOne);
  ASSERT_TRUE(ok(take_pod_name(pods_, owner, "web")));
  const Pod heir = make(PodDirectory::kRun, kTwo);
  ASSERT_TRUE(ok(take_pod_name(pods_, heir, "web")));
  ASSERT_TRUE(ok(free_pod_name(pods_, owner)));
  EXPECT_EQ(find_pod(pods_, "web")->uuid(), heir.uuid());
  ASSERT_TRUE(ok(free_pod_name(pods_, heir)));
  EXPECT_FALSE(find_pod(pods_, "web").has_value());
  ASSERT_TRUE(ok(free_pod_name(pods_, make(PodDirectory::kPrepared, Uuid::random().value().str()))));
}

TEST_F(PodNameTest, ALinkWhosePodIsGoneCountsForNothing) {
  {
    const Pod owner = make(PodDirectory::kRun, kOne);
    ASSERT_TRUE(ok(take_pod_name(pods_, owner, "abba")));
    ASSERT_TRUE(ok(sys::remove_tree(pods_.dir(), Pods::path_of(PodDirectory::kRun, owner.uuid()))));
  }
  EXPECT_TRUE(ok(check_name_free(pods_, "abba")));
  const Pod other = make(PodDirectory::kRun, kTwo);
  EXPECT_EQ(find_pod(pods_, "abba")->uuid(), other.uuid()) << "as the beginning of a UUID";
}

TEST_F(PodNameTest, LaunchFlagsAreKept) {
  const Pod pod = make(PodDirectory::kRun, kOne);
  EXPECT_TRUE(read_launch_flags(pod.dir()).value().empty());
  const std::vector<std::string> flags = {"net=host", "hostname=a\nb", "dns="};
  ASSERT_TRUE(ok(keep_launch_flags(pod.dir(), flags)));
  EXPECT_EQ(read_launch_flags(pod.dir()).value(), flags);
  ASSERT_TRUE(ok(keep_launch_flags(pod.dir(), {})));
  EXPECT_FALSE(sys::exists(pod.dir(), contract::pod_paths::kLaunchFlags).value());
}

}  // namespace
}  // namespace agena::stage0
