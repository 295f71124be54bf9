// Phases, locks and lookups, on pod directories in a temporary data directory.
#include "stage0/pod/pod.h"

#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using test::ok;

class PodTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pods = Pods::create(temp_.path() + "/data");
    ASSERT_TRUE(ok(pods));
    pods_ = std::make_unique<Pods>(*std::move(pods));
  }

  // A pod directory of this name in a phase, unlocked.
  void make(PodDirectory directory, const std::string& uuid) const {
    ASSERT_TRUE(ok(sys::make_dir(pods_->dir(), Pods::path_of(directory, Uuid::parse(uuid).value()))));
  }

  // State as another process would see it (a lock of ours counts for others only).
  PodState state_of(const Uuid& uuid) const {
    auto pod = Pod::open(*pods_, uuid);
    EXPECT_TRUE(ok(pod));
    auto state = pod->state();
    EXPECT_TRUE(ok(state));
    return *state;
  }

  test::TempDir temp_;
  std::unique_ptr<Pods> pods_;
};

constexpr const char* kOne = "11111111-1111-4111-8111-111111111111";
constexpr const char* kTwo = "11222222-2222-4222-8222-222222222222";

TEST_F(PodTest, EveryPhaseHasTheStateOfItsLock) {
  for (const auto& phase : contract::kPhases) {
    const Uuid uuid = Uuid::random().value();
    ASSERT_TRUE(ok(sys::make_dir(pods_->dir(), Pods::path_of(phase.value, uuid))));
    auto holder = Pod::open(*pods_, uuid);
    ASSERT_TRUE(ok(holder));
    EXPECT_EQ(state_of(uuid), phase.unlocked) << phase.directory;
    ASSERT_TRUE(ok(holder->lock()));
    EXPECT_EQ(state_of(uuid), phase.locked) << phase.directory;
    EXPECT_EQ(holder->state().value(), phase.locked) << phase.directory;
  }
}

TEST_F(PodTest, LivesThroughItsPhases) {
  auto pod = Pod::create(*pods_);
  ASSERT_TRUE(ok(pod));
  EXPECT_TRUE(pod->locked());
  EXPECT_EQ(state_of(pod->uuid()), PodState::kPreparing);
  ASSERT_TRUE(ok(pod->move_to(PodDirectory::kPrepared, sys::Durability::kSync)));
  EXPECT_EQ(state_of(pod->uuid()), PodState::kPrepared);
  ASSERT_TRUE(ok(pod->move_to(PodDirectory::kRun)));
  EXPECT_EQ(state_of(pod->uuid()), PodState::kRunning);
  pod->unlock();
  EXPECT_EQ(state_of(pod->uuid()), PodState::kExited);
  ASSERT_TRUE(ok(pod->lock()));
  const Uuid uuid = pod->uuid();
  {
    auto lock = pod->release_lock();
    ASSERT_TRUE(ok(lock));
    pod = std::unexpected(Error(ErrorKind::kInternal, "gone"));
    EXPECT_EQ(state_of(uuid), PodState::kRunning) << "the handed-over descriptor keeps the lock";
  }
  EXPECT_EQ(state_of(uuid), PodState::kExited);
}

TEST_F(PodTest, FollowsAPodThatOthersMove) {
  make(PodDirectory::kPrepared, kOne);
  auto mine = Pod::open(*pods_, Uuid::parse(kOne).value());
  auto theirs = Pod::open(*pods_, Uuid::parse(kOne).value());
  ASSERT_TRUE(ok(theirs->lock()));
  ASSERT_TRUE(ok(theirs->move_to(PodDirectory::kRun)));
  EXPECT_EQ(mine->state().value(), PodState::kRunning);
  EXPECT_EQ(mine->directory(), PodDirectory::kRun);
  ASSERT_TRUE(ok(sys::remove_tree(pods_->dir(), Pods::path_of(PodDirectory::kRun, mine->uuid()))));
  EXPECT_EQ(mine->state().error().kind(), ErrorKind::kNotFound);
}

TEST_F(PodTest, LockSaysWhoHasIt) {
  make(PodDirectory::kPrepared, kOne);
  auto mine = Pod::open(*pods_, Uuid::parse(kOne).value());
  auto theirs = Pod::open(*pods_, Uuid::parse(kOne).value());
  ASSERT_TRUE(ok(theirs->lock()));
  EXPECT_EQ(mine->lock().error().kind(), ErrorKind::kBusy);
  EXPECT_EQ(mine->hold().error().kind(), ErrorKind::kBusy);
  ASSERT_TRUE(ok(theirs->move_to(PodDirectory::kGarbage)));
  theirs = std::unexpected(Error(ErrorKind::kInternal, "gone"));
  EXPECT_EQ(mine->lock().error().kind(), ErrorKind::kNotFound) << "moved away meanwhile";
  EXPECT_FALSE(mine->locked());
}

// Readers test states with a shared lock; whoever wants the pod must not notice.
TEST_F(PodTest, ReadersDoNotDisturbTheLocker) {
  make(PodDirectory::kExitedGarbage, kOne);
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      auto reader = Pod::open(*pods_, Uuid::parse(kOne).value());
      while (!stop) {
        // Longer than real readers hold it.
        ASSERT_EQ(::flock(reader->dir().get(), LOCK_SH | LOCK_NB) == 0 || errno == EWOULDBLOCK, true);
        ::usleep(100);
        ::flock(reader->dir().get(), LOCK_UN);
        ::usleep(300);
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    auto pod = Pod::open(*pods_, Uuid::parse(kOne).value());
    EXPECT_TRUE(ok(pod->lock())) << "round " << i;
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_F(PodTest, FindsByPrefix) {
  make(PodDirectory::kPrepared, kOne);
  make(PodDirectory::kRun, kTwo);
  EXPECT_EQ(find_pod(*pods_, "111").value().uuid().str(), kOne);
  EXPECT_EQ(find_pod(*pods_, " 1122 ").value().uuid().str(), kTwo);
  EXPECT_EQ(find_pod(*pods_, kTwo).value().directory(), PodDirectory::kRun);
}

TEST_F(PodTest, FindsAnyCase) {
  make(PodDirectory::kRun, "abcdefab-0000-4000-8000-000000000000");
  EXPECT_TRUE(ok(find_pod(*pods_, "ABCD")));
  EXPECT_TRUE(ok(find_pod(*pods_, "ABCDEFAB-0000-4000-8000-000000000000")));
}

TEST_F(PodTest, LookupErrorsAreRkts) {
  make(PodDirectory::kPrepared, kOne);
  make(PodDirectory::kRun, kTwo);
  make(PodDirectory::kGarbage, "99999999-9999-4999-8999-999999999999");
  make(PodDirectory::kEmbryo, "88888888-9999-4999-8999-999999999999");
  EXPECT_EQ(find_pod(*pods_, "").error().message(), "UUID cannot be empty");
  EXPECT_EQ(find_pod(*pods_, "11").error().message(), "ambiguous uuid, 2 matches");
  EXPECT_EQ(find_pod(*pods_, "77").error().message(), "no matches found for \"77\"");
  EXPECT_EQ(find_pod(*pods_, "9").error().message(), "no matches found for \"9\"");
  EXPECT_EQ(find_pod(*pods_, "8").error().message(), "no matches found for \"8\"");
  EXPECT_EQ(find_pod(*pods_, "99999999-9999-4999-8999-999999999999").error().message(),
            "no matches found for \"99999999-9999-4999-8999-999999999999\"");
  EXPECT_EQ(find_pod(*pods_, "zzzzzzzz-9999-4999-8999-999999999999").error().kind(), ErrorKind::kNotFound);
}

TEST_F(PodTest, ScanIsOrderedAndSkipsStrangers) {
  make(PodDirectory::kRun, kTwo);
  make(PodDirectory::kPrepare, kOne);
  ASSERT_TRUE(ok(sys::make_dir(pods_->dir(), "run/lost+found")));
  ASSERT_TRUE(ok(sys::make_dir(pods_->dir(), "run/ABCDEFAB-0000-4000-8000-000000000000")));
  const auto refs = scan_pods(*pods_, visible_phases());
  ASSERT_TRUE(ok(refs));
  ASSERT_EQ(refs->size(), 2U);
  EXPECT_EQ(refs->at(0).uuid.str(), kOne);
  EXPECT_EQ(refs->at(1).uuid.str(), kTwo);
}

TEST_F(PodTest, NoDataDirectoryIsAnEmptySet) {
  const auto none = Pods::open(temp_.path() + "/nowhere");
  ASSERT_TRUE(ok(none));
  EXPECT_FALSE(none->present());
  EXPECT_TRUE(scan_pods(*none, visible_phases())->empty());
  EXPECT_EQ(find_pod(*none, kOne).error().kind(), ErrorKind::kNotFound);
}

TEST_F(PodTest, AFileInPlaceOfAPodIsAnError) {
  ASSERT_TRUE(ok(sys::write_file(pods_->dir(), std::string("run/") + kOne, "")));
  EXPECT_NE(Pod::open(*pods_, Uuid::parse(kOne).value()).error().kind(), ErrorKind::kNotFound);
}

// The lock's holder is another process, as in life, and dies without a word.
TEST_F(PodTest, WaitEndsWhenTheHolderDies) {
  make(PodDirectory::kRun, kOne);
  sys::Pipe ready = sys::make_pipe().value();
  const pid_t child = ::fork();
  if (child == 0) {
    auto pod = Pod::open(*pods_, Uuid::parse(kOne).value());
    const bool locked = pod && pod->lock();
    (void)!::write(ready.write.get(), locked ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char locked = 0;
  ASSERT_EQ(::read(ready.read.get(), &locked, 1), 1);
  ASSERT_EQ(locked, 'y');
  auto pod = Pod::open(*pods_, Uuid::parse(kOne).value());
  EXPECT_FALSE(pod->wait_unlocked(20'000'000).value()) << "the holder lives";
  std::thread killer([&] {
    ::usleep(50'000);
    ::kill(child, SIGKILL);
  });
  EXPECT_TRUE(pod->wait_unlocked(std::nullopt).value());
  killer.join();
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(pod->state().value(), PodState::kExited);
}

}  // namespace
}  // namespace agena::stage0
