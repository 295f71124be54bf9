// gc, rm and stop on fabricated pods of the copied kind, whose stage1 is a script.
#include "stage0/pod/gc.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "stage0/pod/rm.h"
#include "stage0/pod/stop.h"
#include "tests/unit/stage0/pod/fabricated.h"

namespace agena::stage0 {
namespace {

using namespace test_pods;

constexpr const char* kStage1ManifestText =
    R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/stage1","annotations":[)"
    R"({"name":"coreos.com/rkt/stage1/run","value":"/run"},{"name":"coreos.com/rkt/stage1/gc","value":"/gc"},)"
    R"({"name":"coreos.com/rkt/stage1/enter","value":"/enter"},)"
    R"({"name":"coreos.com/rkt/stage1/stop","value":"/stop"},)"
    R"({"name":"coreos.com/rkt/stage1/interface-version","value":"5"}]})";

class GcTest : public ::testing::Test {
 protected:
  GcTest() {
    engine_.data_dir = fabric_.data_dir();
    engine_.local_config_dir = "/etc/agena";
  }

  // A copied pod whose entrypoints are this script; they run in the pod directory.
  sys::DirFd scripted(PodDirectory directory, const std::string& uuid, const std::string& script) const {
    sys::DirFd pod = fabric_.bare(directory, uuid);
    Fabric::put(pod, paths::kManifest, manifest({"x"}));
    EXPECT_TRUE(ok(sys::make_dirs(pod, paths::kStage1Root)));
    Fabric::put(pod, paths::kStage1Manifest, kStage1ManifestText);
    for (const char* name : {"/gc", "/stop"})
      Fabric::put(pod, std::string(paths::kStage1Root) + name, "#!/bin/sh\n" + script, 0755);
    return pod;
  }

  GcResult gc(Nanoseconds grace = 0, Nanoseconds expire = 3600 * kSecond, bool mark_only = false) {
    events_.clear();
    GcRequest request{
        .grace_period = grace, .expire_prepared = expire, .mark_only = mark_only, .on_event = {}};
    request.on_event = [&](const GcEvent& event) { events_.push_back(event); };
    auto result = collect_garbage(engine_, request);
    EXPECT_TRUE(ok(result));
    return *std::move(result);
  }

  std::vector<std::string> names(const std::string& phase) const {
    return sys::list_dir(fabric_.pods().dir(), phase).value();
  }
  Pod open(const std::string& uuid) const {
    return Pod::open(fabric_.pods(), Uuid::parse(uuid).value()).value();
  }
  // Lines that entrypoints appended to DATA/log.
  std::string log() const {
    return sys::read_file(sys::at_cwd(), fabric_.data_dir() + "/log").value_or(std::string());
  }

  Fabric fabric_;
  Engine engine_;
  std::vector<GcEvent> events_;
};

TEST_F(GcTest, CallsStage1AndDeletes) {
  scripted(PodDirectory::kRun, uuid_of('a'), R"sh(echo "$0 $*" "$(basename "$PWD")" >>../../../log)sh");
  const auto result = gc();
  EXPECT_EQ(result.marked, 1U);
  EXPECT_EQ(result.deleted, 1U);
  EXPECT_TRUE(result.errors.empty());
  EXPECT_TRUE(names("run").empty());
  EXPECT_TRUE(names("exited-garbage").empty());
  EXPECT_EQ(log(), fabric_.data_dir() + "/pods/exited-garbage/" + uuid_of('a') +
                       "/stage1/rootfs/gc --local-config=/etc/agena " + uuid_of('a') + " " + uuid_of('a') +
                       "\n");
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].kind, GcEvent::Kind::kMarked);
  EXPECT_EQ(events_[1].kind, GcEvent::Kind::kCollecting);
}

TEST_F(GcTest, AFailingEntrypointIsToldAndThePodGoes) {
  scripted(PodDirectory::kRun, uuid_of('a'), "exit 3");
  const auto result = gc();
  EXPECT_EQ(result.deleted, 1U);
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_EQ(result.errors[0].to_string(),
            "pod '" + uuid_of('a') + "': the gc entrypoint of stage1 failed with code 3");
  EXPECT_TRUE(names("exited-garbage").empty());
}

TEST_F(GcTest, BrokenPodsGoToo) {
  fabric_.bare(PodDirectory::kRun, uuid_of('1'));
  const sys::DirFd no_root = fabric_.bare(PodDirectory::kExitedGarbage, uuid_of('2'));
  ASSERT_TRUE(ok(sys::make_dir(no_root, paths::kStage1)));
  Fabric::put(no_root, paths::kStage1Manifest, kStage1ManifestText);
  const sys::DirFd bad = fabric_.whole(PodDirectory::kExitedGarbage, uuid_of('3'), {"x"});
  Fabric::put(bad, paths::kStage1Manifest, "garbage");
  const sys::DirFd lost_layers = fabric_.whole(PodDirectory::kExitedGarbage, uuid_of('4'), {"x"});
  Fabric::put(lost_layers, paths::kStage1Manifest, kStage1ManifestText);
  Fabric::put(lost_layers, paths::kStage1Layers, "sha256-" + std::string(64, 'f') + "\n");
  fabric_.bare(PodDirectory::kPrepare, uuid_of('5'));
  fabric_.bare(PodDirectory::kGarbage, uuid_of('6'));
  const auto result = gc();
  EXPECT_EQ(result.deleted, 6U);
  EXPECT_EQ(result.errors.size(), 3U) << "the entrypoint of pods 2, 3 and 4 could not be called";
  for (const auto& phase : contract::kPhases) EXPECT_TRUE(names(std::string(phase.directory)).empty());
}

// An app can nest directories deeper than a process may have descriptors, and longer than a path may be.
TEST_F(GcTest, DeepTreesGo) {
  constexpr int kDepth = 5000;
  sys::DirFd at = fabric_.bare(PodDirectory::kExitedGarbage, uuid_of('a'));
  for (int i = 0; i < kDepth; ++i) {
    Fabric::put(at, "file", "");
    ASSERT_TRUE(ok(sys::make_dir(at, "deep")));
    auto next = sys::open_dir(at, "deep");
    ASSERT_TRUE(ok(next));
    at = *std::move(next);
  }
  const auto result = gc();
  EXPECT_EQ(result.deleted, 1U);
  EXPECT_TRUE(result.errors.empty());
  EXPECT_TRUE(names("exited-garbage").empty());
}

TEST_F(GcTest, OnePodThatCannotGoDoesNotKeepTheOthers) {
  Fabric::put(fabric_.pods().dir(), "exited-garbage/" + uuid_of('1'), "a file");
  fabric_.bare(PodDirectory::kExitedGarbage, uuid_of('2'));
  const auto result = gc();
  EXPECT_EQ(result.deleted, 1U);
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_NE(result.errors[0].to_string().find(uuid_of('1')), std::string::npos);
}

TEST_F(GcTest, LeavesTheLivingAlone) {
  fabric_.whole(PodDirectory::kRun, uuid_of('a'), {"x"});
  fabric_.bare(PodDirectory::kPrepare, uuid_of('b'));
  fabric_.whole(PodDirectory::kPrepared, uuid_of('c'), {"x"});
  fabric_.bare(PodDirectory::kEmbryo, uuid_of('d'));
  auto running = open(uuid_of('a'));
  auto preparing = open(uuid_of('b'));
  ASSERT_TRUE(ok(running.lock()));
  ASSERT_TRUE(ok(preparing.lock()));
  const auto result = gc();
  EXPECT_EQ(result.marked + result.deleted, 0U);
  EXPECT_EQ(running.state().value(), PodState::kRunning);
  EXPECT_EQ(preparing.state().value(), PodState::kPreparing);
  EXPECT_EQ(names("prepared").size(), 1U);
  EXPECT_EQ(names("embryo").size(), 1U);
}

TEST_F(GcTest, GraceAndMarkOnly) {
  fabric_.bare(PodDirectory::kRun, uuid_of('a'));
  auto result = gc(0, 0, true);
  EXPECT_EQ(result.marked, 1U);
  EXPECT_EQ(result.deleted, 0U);
  EXPECT_EQ(names("exited-garbage").size(), 1U);
  result = gc(3600 * kSecond);
  EXPECT_EQ(result.deleted, 0U);
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].kind, GcEvent::Kind::kWithinGrace);
  EXPECT_GT(events_[0].remaining, 3500 * kSecond);
  EXPECT_EQ(gc().deleted, 1U);
}

TEST_F(GcTest, PreparedPodsExpireUnlessBeingStarted) {
  fabric_.whole(PodDirectory::kPrepared, uuid_of('a'), {"x"});
  fabric_.whole(PodDirectory::kPrepared, uuid_of('b'), {"x"});
  auto starting = open(uuid_of('b'));
  ASSERT_TRUE(ok(starting.lock()));
  EXPECT_EQ(gc(0, 0).deleted, 1U);
  EXPECT_EQ(names("prepared"), std::vector<std::string>{uuid_of('b')});
}

TEST_F(GcTest, APodThatAnotherGcDeletesIsLeftToIt) {
  fabric_.bare(PodDirectory::kExitedGarbage, uuid_of('a'));
  auto other = open(uuid_of('a'));
  ASSERT_TRUE(ok(other.lock()));
  const auto result = gc();
  EXPECT_EQ(result.deleted, 0U);
  EXPECT_TRUE(result.errors.empty());
}

TEST_F(GcTest, RemoveRefusesTheLiving) {
  fabric_.whole(PodDirectory::kRun, uuid_of('a'), {"x"});
  auto holder = open(uuid_of('a'));
  ASSERT_TRUE(ok(holder.lock()));
  auto pod = open(uuid_of('a'));
  EXPECT_EQ(remove_pod(engine_, pod).error().message(), "pod \"" + uuid_of('a') + "\" is currently running");
  fabric_.bare(PodDirectory::kPrepare, uuid_of('b'));
  auto preparing = open(uuid_of('b'));
  ASSERT_TRUE(ok(preparing.lock()));
  auto second = open(uuid_of('b'));
  EXPECT_EQ(remove_pod(engine_, second).error().message(),
            "pod \"" + uuid_of('b') + "\" is currently being prepared");
}

TEST_F(GcTest, RemoveTakesWhatHasEnded) {
  scripted(PodDirectory::kRun, uuid_of('a'), "echo gc >>../../../log");
  fabric_.whole(PodDirectory::kPrepared, uuid_of('b'), {"x"});
  fabric_.bare(PodDirectory::kPrepare, uuid_of('c'));
  scripted(PodDirectory::kExitedGarbage, uuid_of('d'), "echo gc >>../../../log");
  for (const char digit : {'a', 'b', 'c', 'd'}) {
    auto pod = open(uuid_of(digit));
    EXPECT_TRUE(ok(remove_pod(engine_, pod))) << digit;
  }
  EXPECT_EQ(log(), "gc\ngc\n") << "only pods that have run";
  for (const auto& phase : contract::kPhases) EXPECT_TRUE(names(std::string(phase.directory)).empty());
}

TEST_F(GcTest, StopOfPodsThatDoNotRun) {
  fabric_.whole(PodDirectory::kRun, uuid_of('a'), {"x"});
  auto ended = open(uuid_of('a'));
  EXPECT_EQ(stop_pod(engine_, ended, {}).value(), StopOutcome::kAlreadyStopped);
  fabric_.whole(PodDirectory::kPrepared, uuid_of('b'), {"x"});
  auto prepared = open(uuid_of('b'));
  EXPECT_EQ(stop_pod(engine_, prepared, {}).error().message(), "pod \"" + uuid_of('b') + "\" is not running");
}

// The "pod" is a shell that holds the lock; its stop script signals it.
class StopTest : public GcTest {
 protected:
  // Starts a process that locks the pod and runs a shell script holding the lock.
  void start(const sys::DirFd& dir, const std::string& script) {
    const std::string path = sys::path_of_fd(dir.get()).value();
    sys::Pipe ready = sys::make_pipe().value();
    pid_ = ::fork();
    if (pid_ == 0) {
      const int lock = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
      ::dup2(ready.write.get(), 1);
      ::execl("/bin/sh", "sh", "-c", ("flock -n " + std::to_string(lock) + " && " + script).c_str(), nullptr);
      ::_exit(1);
    }
    Fabric::put(dir, paths::kPid, std::to_string(pid_) + "\n");
    char byte = 0;
    ASSERT_EQ(::read(ready.read.get(), &byte, 1), 1);
  }
  void TearDown() override {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid_ = -1;
};

constexpr const char* kSignalScript =
    "if [ \"$1\" = --force ]; then kill -9 $(cat pid); else kill -TERM $(cat pid); fi";

TEST_F(StopTest, AsksAndWaits) {
  const sys::DirFd dir = scripted(PodDirectory::kRun, uuid_of('a'), kSignalScript);
  start(dir, "trap 'exit 0' TERM; echo r; while :; do sleep 0.02; done");
  auto pod = open(uuid_of('a'));
  EXPECT_EQ(stop_pod(engine_, pod, {.force = false, .grace = 20 * kSecond}).value(), StopOutcome::kStopped);
  EXPECT_EQ(pod.state().value(), PodState::kExited);
}

TEST_F(StopTest, ForcesAfterTheGrace) {
  const sys::DirFd dir = scripted(PodDirectory::kRun, uuid_of('a'), kSignalScript);
  start(dir, "trap '' TERM; echo r; while :; do sleep 0.02; done");
  auto pod = open(uuid_of('a'));
  EXPECT_EQ(stop_pod(engine_, pod, {.force = false, .grace = 0}).value(), StopOutcome::kAsked);
  EXPECT_EQ(stop_pod(engine_, pod, {.force = false, .grace = kSecond / 10}).value(), StopOutcome::kForced);
  EXPECT_EQ(pod.state().value(), PodState::kExited);
}

TEST_F(StopTest, AFailingEntrypointIsAnError) {
  const sys::DirFd dir = scripted(PodDirectory::kRun, uuid_of('a'), "exit 9");
  start(dir, "echo r; exec sleep 60");
  auto pod = open(uuid_of('a'));
  const auto stopped = stop_pod(engine_, pod, {});
  ASSERT_FALSE(stopped);
  EXPECT_NE(stopped.error().to_string().find("failed with code 9"), std::string::npos);
}

}  // namespace
}  // namespace agena::stage0
