#include "stage0/pod/private_users.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "common/sys/passwd.h"
#include "tests/unit/stage0/pod/fabricated.h"

namespace agena::stage0 {
namespace {

using sys::IdRange;
using test_pods::Fabric;
using test_pods::ok;
using test_pods::uuid_of;

constexpr IdRange kAll = {0, UINT32_MAX};

IdRange nth(std::uint32_t n) { return {kPrivateUsersSpace.first + n * 65536, 65536}; }

TEST(ChooseRange, StartsWhereItIsToldAndGoesRound) {
  EXPECT_EQ(choose_range({{kAll}}, {}, 0).value(), nth(0));
  EXPECT_EQ(choose_range({{kAll}}, {}, 7).value(), nth(7));
  const std::uint32_t ranges = kPrivateUsersSpace.count / 65536;
  EXPECT_EQ(choose_range({{kAll}}, {}, ranges + 2).value(), nth(2));
  EXPECT_EQ(choose_range({{kAll}}, {{nth(ranges - 1)}}, ranges - 1).value(), nth(0));
  EXPECT_TRUE(choose_range({{kAll}}, {}, UINT32_MAX).has_value());
}

TEST(ChooseRange, KeepsApartFromTakenIds) {
  // A single user in the middle, and a range across two.
  const std::vector<IdRange> taken = {{nth(0).first + 5000, 1}, {nth(1).first + 60000, 10000}, nth(3)};
  EXPECT_EQ(choose_range({{kAll}}, taken, 0).value(), nth(4));
}

TEST(ChooseRange, StaysWithinUsableIds) {
  const std::vector<IdRange> usable = {{0, nth(2).first + 1}, {nth(5).first, 65536}};
  EXPECT_EQ(choose_range(usable, {}, 2).value(), nth(5));
  const auto none = choose_range({{IdRange{0, 65536}}}, {}, 0);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().to_string(), "no range of 65536 ids is free for a user namespace");
  EXPECT_FALSE(none.error().hint().empty());
  const std::vector<IdRange> everything = {kPrivateUsersSpace};
  EXPECT_FALSE(choose_range({{kAll}}, everything, 0).has_value());
}

TEST(SubordinateIds, SkipsWhatDoesNotHold) {
  EXPECT_EQ(parse_subordinate_ids("alice:100000:65536\n# x\nbob:165536:65536\nbad:1\nworse:x:y\n1000:500:7"),
            (std::vector<IdRange>{{100000, 65536}, {165536, 65536}, {500, 7}}));
  EXPECT_TRUE(parse_subordinate_ids("").empty());
}

TEST(IdMap, InsideIds) {
  EXPECT_EQ(parse_id_map("         0          0 4294967295\n"), (std::vector<IdRange>{{0, 4294967295}}));
  EXPECT_EQ(parse_id_map("         0     100000      65536\n     70000     300000         10\n"),
            (std::vector<IdRange>{{0, 65536}, {70000, 10}}));
}

class PrivateUsersTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(ok(sys::make_dir(sys::at_cwd(), fabric_.data_dir() + "/locks"))); }
  Fabric fabric_;
};

TEST_F(PrivateUsersTest, RecordsWhatItAssigns) {
  const auto pod = Pod::create(fabric_.pods());
  ASSERT_TRUE(ok(pod));
  EXPECT_EQ(read_private_users(pod->dir()).value(), std::nullopt);
  const auto range = assign_private_users(fabric_.data_dir(), fabric_.pods(), *pod);
  ASSERT_TRUE(ok(range));
  EXPECT_EQ(range->count, 65536U);
  EXPECT_EQ(range->first % 65536, 0U);
  EXPECT_TRUE(kPrivateUsersSpace.contains(*range));
  EXPECT_EQ(sys::read_file(pod->dir(), "private-users-prepared").value(), range->str());
  EXPECT_EQ(read_private_users(pod->dir()).value(), *range);
}

TEST_F(PrivateUsersTest, PodsOfAllPhasesCount) {
  // All ranges are taken but one, by pods of all phases.
  const std::uint32_t ranges = kPrivateUsersSpace.count / 65536;
  std::uint32_t next = 0;
  const auto take = [&](PodDirectory directory, char digit, std::uint32_t count) {
    const sys::DirFd dir = fabric_.bare(directory, uuid_of(digit));
    Fabric::put(dir, contract::pod_paths::kPrivateUsers,
                fmt::format("{}:{}\n", nth(next).first, count * 65536));
    next += count;
  };
  char digit = '1';
  for (const auto& phase : contract::kPhases) take(phase.value, digit++, 1000);
  ++next;  // the free one
  take(PodDirectory::kRun, '8', ranges - next);
  const auto pod = Pod::create(fabric_.pods());
  EXPECT_EQ(assign_private_users(fabric_.data_dir(), fabric_.pods(), *pod).value(), nth(6000));
  const auto second = Pod::create(fabric_.pods());
  const auto none = assign_private_users(fabric_.data_dir(), fabric_.pods(), *second);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().kind(), ErrorKind::kBusy);
}

TEST_F(PrivateUsersTest, BrokenRecordIsNamed) {
  const sys::DirFd dir = fabric_.bare(PodDirectory::kRun, uuid_of('1'));
  Fabric::put(dir, contract::pod_paths::kPrivateUsers, "nonsense");
  const auto pod = Pod::create(fabric_.pods());
  const auto range = assign_private_users(fabric_.data_dir(), fabric_.pods(), *pod);
  ASSERT_FALSE(range.has_value());
  EXPECT_EQ(range.error().to_string(), "file 'run/" + uuid_of('1') +
                                           "/private-users-prepared': 'nonsense' is not a range of ids "
                                           "(SHIFT:COUNT)");
}

TEST_F(PrivateUsersTest, BrokenRecordOfAPodThatIsOverHoldsNobodyUp) {
  for (const auto& [directory, digit] :
       {std::pair(PodDirectory::kGarbage, '1'), {PodDirectory::kExitedGarbage, '2'}})
    Fabric::put(fabric_.bare(directory, uuid_of(digit)), contract::pod_paths::kPrivateUsers, "nonsense");
  const auto pod = Pod::create(fabric_.pods());
  EXPECT_TRUE(ok(assign_private_users(fabric_.data_dir(), fabric_.pods(), *pod)));
}

TEST_F(PrivateUsersTest, AtTheSameTimeAllGetDifferentOnes) {
  constexpr int kPods = 8;
  std::vector<std::optional<IdRange>> ranges(kPods);
  std::vector<std::thread> threads;
  for (auto& range : ranges)
    threads.emplace_back([&] {
      const auto pods = Pods::open(fabric_.data_dir());
      const auto pod = Pod::create(*pods);
      if (const auto given = assign_private_users(fabric_.data_dir(), *pods, *pod)) range = *given;
    });
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint32_t> firsts;
  for (const auto& range : ranges) {
    ASSERT_TRUE(range.has_value());
    firsts.insert(range->first);
  }
  EXPECT_EQ(firsts.size(), static_cast<std::size_t>(kPods));
}

}  // namespace
}  // namespace agena::stage0
