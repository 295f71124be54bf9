// `list` and `status` on fabricated pod directories, whole and broken.
#include "stage0/pod/list.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "common/contract/app_life_file.h"
#include "stage0/pod/status.h"
#include "tests/support/result_matchers.h"
#include "tests/unit/stage0/pod/fabricated.h"

namespace agena::stage0 {
namespace {

using namespace test_pods;

class ListTest : public ::testing::Test {
 protected:
  std::vector<PodInfo> list() const {
    Engine engine;
    engine.data_dir = fabric_.data_dir();
    auto pods = list_pods(engine);
    EXPECT_TRUE(ok(pods));
    return *std::move(pods);
  }
  Pod open(const std::string& uuid) const {
    return Pod::open(fabric_.pods(), Uuid::parse(uuid).value()).value();
  }

  Fabric fabric_;
};

TEST_F(ListTest, ShowsWhatThereIs) {
  const sys::DirFd dir = fabric_.whole(PodDirectory::kRun, uuid_of('a'), {"one", "two"});
  Fabric::put(dir, paths::kPpid, "12345\n");
  Fabric::exited(dir, "one", "7");
  Fabric::put(dir, paths::kNetInfo,
              R"([{"netName":"default","netConf":"net/99-default.conf","pluginPath":"/p","ifName":"eth0",)"
              R"("ip":"172.16.28.2","args":"","mask":"255.255.255.0"}])");
  auto holder = open(uuid_of('a'));
  ASSERT_TRUE(ok(holder.lock()));
  const auto pods = list();
  ASSERT_EQ(pods.size(), 1U);
  const PodInfo& pod = pods.front();
  EXPECT_EQ(pod.state, PodState::kRunning);
  EXPECT_TRUE(pod.problems.empty());
  EXPECT_FALSE(pod.is_mutable);
  ASSERT_TRUE(pod.created_at && pod.started_at);
  EXPECT_LE(*pod.created_at, *pod.started_at);
  EXPECT_FALSE(pod.marked_at);
  ASSERT_EQ(pod.networks.size(), 1U);
  EXPECT_EQ(pod.networks[0].ip, "172.16.28.2");
  ASSERT_EQ(pod.apps.size(), 2U);
  EXPECT_EQ(pod.apps[0].state, AppState::kExited);
  EXPECT_EQ(pod.apps[0].exit_code, 7);
  EXPECT_TRUE(pod.apps[0].finished_at);
  EXPECT_EQ(pod.apps[0].image_name, "example.com/one:1");
  EXPECT_EQ(pod.apps[1].state, AppState::kRunning);
  EXPECT_FALSE(pod.apps[1].exit_code);
  ASSERT_EQ(pod.apps[1].mounts.size(), 1U);
  EXPECT_EQ(pod.apps[1].mounts[0].container_path, "/data");
  EXPECT_EQ(pod.apps[1].mounts[0].host_path, "/srv");
  EXPECT_TRUE(pod.apps[1].mounts[0].read_only);
}

TEST_F(ListTest, AppStatesFollowThePods) {
  fabric_.whole(PodDirectory::kPrepared, uuid_of('a'), {"x"});
  fabric_.whole(PodDirectory::kRun, uuid_of('b'), {"x"});
  const sys::DirFd marked = fabric_.whole(PodDirectory::kExitedGarbage, uuid_of('c'), {"x"});
  Fabric::put(marked, paths::kPid, "1\n");
  const auto pods = list();
  ASSERT_EQ(pods.size(), 3U);
  EXPECT_EQ(pods[0].state, PodState::kPrepared);
  EXPECT_EQ(pods[0].apps.at(0).state, AppState::kCreated);
  EXPECT_FALSE(pods[0].started_at);
  EXPECT_EQ(pods[1].state, PodState::kExited);
  EXPECT_EQ(pods[1].apps.at(0).state, AppState::kExited);
  EXPECT_FALSE(pods[1].apps.at(0).exit_code) << "killed before it could be recorded";
  EXPECT_FALSE(pods[1].apps.at(0).finished_at);
  EXPECT_EQ(pods[2].state, PodState::kExitedGarbage);
  EXPECT_TRUE(pods[2].marked_at);
  EXPECT_TRUE(pods[2].started_at);
  EXPECT_EQ(pods[2].apps.at(0).finished_at, pods[2].marked_at);
}

// Each app of a mutable pod has a life of its own.
TEST_F(ListTest, AppsOfMutablePods) {
  const sys::DirFd dir = fabric_.sandbox(PodDirectory::kRun, uuid_of('a'), {"added", "up", "down", "killed"});
  Fabric::put(dir, paths::kPpid, "12345\n");
  Fabric::lived(dir, "added", {});
  Fabric::lived(dir, "up", {.restarts = 2, .last_exit_code = 3, .last_exit_at = 1000, .started_at = 2000});
  Fabric::lived(dir, "down", {.last_exit_code = 0, .last_exit_at = 5000, .started_at = 3000});
  Fabric::exited(dir, "down", "0");
  Fabric::lived(dir, "killed",
                {.last_exit_code = 137, .last_exit_at = 7000, .last_signal = "SIGKILL", .started_at = 6000});
  Fabric::exited(dir, "killed", "137");
  const auto states = [&] {
    std::vector<AppState> found;
    for (const AppInfo& app : list().at(0).apps) found.push_back(app.state);
    return found;
  };
  using enum AppState;
  EXPECT_EQ(states(), (std::vector{kExited, kExited, kExited, kExited})) << "the pod has ended";
  auto holder = open(uuid_of('a'));
  ASSERT_TRUE(ok(holder.lock()));
  EXPECT_EQ(states(), (std::vector{kCreated, kRunning, kExited, kExited}));

  const auto pods = list();
  EXPECT_TRUE(pods.at(0).is_mutable);
  EXPECT_TRUE(pods.at(0).problems.empty());
  const auto& apps = pods.at(0).apps;
  EXPECT_TRUE(apps[0].created_at);
  EXPECT_FALSE(apps[0].started_at || apps[0].finished_at || apps[0].exit_code);
  EXPECT_EQ(apps[1].started_at, 2000);
  EXPECT_FALSE(apps[1].finished_at || apps[1].exit_code) << "that was another run";
  EXPECT_EQ(apps[2].finished_at, 5000);
  EXPECT_EQ(apps[2].exit_code, 0);
  EXPECT_EQ(apps[3].exit_code, 137);
  EXPECT_EQ(apps[3].life->last_signal, "SIGKILL");
  EXPECT_EQ(ASSERT_VALUE(app_info_of(pods[0], "up")).started_at, 2000);
  EXPECT_EQ(app_info_of(pods[0], "nope").error().to_string(), "the pod has no app 'nope', only added, up, down, killed");
}

// One process renames manifests, status and life files into place, as those that change pods do; what is read
// belongs together at every instant.
TEST_F(ListTest, AMutablePodWhileItChanges) {
  const sys::DirFd dir = fabric_.sandbox(PodDirectory::kRun, uuid_of('a'), {"one"});
  auto holder = open(uuid_of('a'));
  ASSERT_TRUE(ok(holder.lock()));
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    const auto root = sys::open_dir(dir, paths::kStage1Upper).value();
    for (Nanoseconds i = 1; !done; ++i) {
      // A start, and an end with a code that tells which.
      (void)sys::remove_file(root, paths::app_status("one"));
      (void)contract::write_app_life(root, "one", {.started_at = 2 * i});
      const int code = static_cast<int>(i % 100);
      (void)contract::write_app_life(
          root, "one", {.last_exit_code = code, .last_exit_at = 2 * i + 1, .started_at = 2 * i});
      (void)sys::replace_file(root, paths::app_status("one"), fmt::format("{}", code));
      const std::vector<std::string> apps =
          i % 2 == 0 ? std::vector<std::string>{"one"} : std::vector<std::string>{"one", "two"};
      (void)sys::replace_file(dir, paths::kManifest, manifest(apps, true));
    }
  });
  for (int i = 0; i < 300; ++i) {
    const auto pods = list();
    ASSERT_EQ(pods.at(0).problems.size(), 0U) << pods[0].problems.front().to_string();
    const AppInfo app = ASSERT_VALUE(app_info_of(pods[0], "one"));
    if (app.state != AppState::kExited) continue;
    EXPECT_EQ(app.exit_code, app.life->last_exit_code);
    EXPECT_EQ(app.finished_at, *app.started_at + 1);
  }
  done = true;
}

TEST_F(ListTest, CopiedPodsKeepTheirStatusInTheRoot) {
  const sys::DirFd dir = fabric_.bare(PodDirectory::kRun, uuid_of('a'));
  Fabric::put(dir, paths::kManifest, manifest({"x"}));
  ASSERT_TRUE(ok(sys::make_dirs(dir, std::string(paths::kStage1Root) + "/" + paths::kStatusDir)));
  Fabric::put(dir, std::string(paths::kStage1Root) + "/" + paths::app_status("x"), "3");
  const auto pods = list();
  EXPECT_EQ(pods.at(0).apps.at(0).exit_code, 3);
  EXPECT_TRUE(pods.at(0).created_at) << "the manifest's time stands in for a missing pod-created";
}

// Every one of these is in the list, with what can be known, and tells what cannot.
TEST_F(ListTest, BrokenPodsAreShown) {
  fabric_.bare(PodDirectory::kRun, uuid_of('1'));
  Fabric::put(fabric_.bare(PodDirectory::kRun, uuid_of('2')), paths::kManifest, "{not json");
  Fabric::put(fabric_.bare(PodDirectory::kRun, uuid_of('3')), paths::kManifest, manifest({"x"}));
  const sys::DirFd bad_code = fabric_.whole(PodDirectory::kRun, uuid_of('4'), {"x", "y"});
  Fabric::exited(bad_code, "x", "what?");
  Fabric::exited(bad_code, "y", "0");
  const sys::DirFd bad_net = fabric_.whole(PodDirectory::kRun, uuid_of('5'), {"x"});
  Fabric::put(bad_net, paths::kNetInfo, R"({"netName":5})");
  const sys::DirFd manifest_dir = fabric_.bare(PodDirectory::kPrepared, uuid_of('6'));
  ASSERT_TRUE(ok(sys::make_dir(manifest_dir, paths::kManifest)));
  Fabric::put(fabric_.pods().dir(), "run/" + uuid_of('7'), "a file where a directory should be");
  fabric_.bare(PodDirectory::kPrepare, uuid_of('8'));

  const auto pods = list();
  ASSERT_EQ(pods.size(), 8U);
  const auto problem = [&](std::size_t i) {
    return pods[i].problems.empty() ? "" : pods[i].problems.front().to_string();
  };
  for (std::size_t i = 0; i < pods.size(); ++i) EXPECT_EQ(pods[i].uuid.str()[0], static_cast<char>('1' + i));
  EXPECT_NE(problem(0).find("no such file"), std::string::npos);
  EXPECT_EQ(pods[0].state, PodState::kExited);
  EXPECT_NE(problem(1).find("pod '" + uuid_of('2') + "'"), std::string::npos);
  EXPECT_FALSE(pods[1].has_manifest);
  EXPECT_TRUE(pods[1].created_at);
  EXPECT_EQ(problem(2), "") << "a pod without any root: nothing is known of its apps, and nothing is wrong";
  EXPECT_EQ(pods[2].apps.size(), 1U);
  EXPECT_NE(problem(3).find("rkt/status/x"), std::string::npos);
  EXPECT_EQ(pods[3].apps.size(), 2U);
  EXPECT_EQ(pods[3].apps[1].exit_code, 0);
  EXPECT_NE(problem(4).find("net-info.json"), std::string::npos);
  EXPECT_NE(problem(5), "");
  EXPECT_NE(problem(6), "");
  EXPECT_EQ(problem(7), "") << "an aborted prepare has no manifest and that is no fault";
  EXPECT_EQ(pods[7].state, PodState::kAbortedPrepare);
}

TEST_F(ListTest, MissingDataDirectoryIsAnEmptyList) {
  Engine engine;
  engine.data_dir = fabric_.data_dir() + "/none";
  const auto pods = list_pods(engine);
  ASSERT_TRUE(ok(pods));
  EXPECT_TRUE(pods->empty());
}

TEST_F(ListTest, StatusOfAnEndedPod) {
  const sys::DirFd dir = fabric_.whole(PodDirectory::kExitedGarbage, uuid_of('a'), {"x"});
  Fabric::put(dir, paths::kPpid, "4321\n");
  Fabric::exited(dir, "x", "9");
  Pod pod = open(uuid_of('a'));
  const auto status = read_pod_status(pod);
  ASSERT_TRUE(ok(status));
  EXPECT_TRUE(status->exited);
  EXPECT_EQ(status->pid, 4321);
  EXPECT_EQ(status->info.apps.at(0).exit_code, 9);
  EXPECT_EQ(read_exit_codes(pod).value(), (std::map<std::string, int>{{"x", 9}}));
}

TEST_F(ListTest, StatusOfABrokenPodDoesNotFail) {
  const sys::DirFd dir = fabric_.bare(PodDirectory::kRun, uuid_of('a'));
  Fabric::put(dir, paths::kPid, "many\n");
  Pod pod = open(uuid_of('a'));
  const auto status = read_pod_status(pod);
  ASSERT_TRUE(ok(status));
  EXPECT_TRUE(status->exited);
  EXPECT_FALSE(status->pid);
  EXPECT_EQ(status->info.problems.size(), 2U);
}

TEST_F(ListTest, WaitFollowsAPreparedPodToItsEnd) {
  fabric_.whole(PodDirectory::kPrepared, uuid_of('a'), {"x"});
  Pod watched = open(uuid_of('a'));
  EXPECT_FALSE(wait_for_pod(watched, WaitFor::kFinished, 10'000'000).value());
  std::thread life([&] {
    auto pod = open(uuid_of('a'));
    EXPECT_TRUE(ok(pod.lock()));
    ::usleep(20'000);
    EXPECT_TRUE(ok(pod.move_to(PodDirectory::kRun)));
    ::usleep(20'000);
  });
  const Nanoseconds start = monotonic_now();
  EXPECT_TRUE(wait_for_pod(watched, WaitFor::kFinished, 10 * kSecond).value());
  EXPECT_GE(monotonic_now() - start, 35'000'000);
  EXPECT_LT(monotonic_now() - start, kSecond);
  life.join();
  EXPECT_EQ(watched.state().value(), PodState::kExited);
}

TEST_F(ListTest, WaitReadySeesTheSymlink) {
  const sys::DirFd dir = fabric_.whole(PodDirectory::kRun, uuid_of('a'), {"x"});
  auto holder = open(uuid_of('a'));
  ASSERT_TRUE(ok(holder.lock()));
  Pod watched = open(uuid_of('a'));
  EXPECT_FALSE(wait_for_pod(watched, WaitFor::kReady, 10'000'000).value());
  std::thread supervisor([&] {
    ::usleep(20'000);
    EXPECT_TRUE(ok(sys::make_symlink(paths::kSupervisorReady, dir,
                                     std::string(paths::kStage1Upper) + "/" + paths::kSupervisorStatus)));
  });
  const Nanoseconds start = monotonic_now();
  EXPECT_TRUE(wait_for_pod(watched, WaitFor::kReady, 10 * kSecond).value());
  EXPECT_LT(monotonic_now() - start, kSecond);
  supervisor.join();
}

TEST_F(ListTest, WaitReadyEndsWithThePod) {
  fabric_.whole(PodDirectory::kRun, uuid_of('a'), {"x"});
  Pod watched = open(uuid_of('a'));
  EXPECT_FALSE(wait_for_pod(watched, WaitFor::kReady, std::nullopt));
}

TEST_F(ListTest, PidIsTheOnlyChildOfPpid) {
  const sys::DirFd dir = fabric_.whole(PodDirectory::kRun, uuid_of('a'), {"x"});
  auto holder = open(uuid_of('a'));
  ASSERT_TRUE(ok(holder.lock()));
  Pod pod = open(uuid_of('a'));
  EXPECT_FALSE(read_pod_pid(pod).value()) << "not told yet";
  sys::Pipe hold = sys::make_pipe().value();
  const pid_t child = ::fork();
  if (child == 0) {
    hold.write.reset();
    char byte = 0;
    (void)!::read(hold.read.get(), &byte, 1);
    ::_exit(0);
  }
  Fabric::put(dir, paths::kPpid, std::to_string(::getpid()) + "\n");
  EXPECT_EQ(wait_for_pod_pid(pod).value(), child);
  Fabric::put(dir, paths::kPid, "77\n");
  EXPECT_EQ(wait_for_pod_pid(pod).value(), 77) << "`pid` wins";
  hold.write.reset();
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace agena::stage0
