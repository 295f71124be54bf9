// A pod's whole way through stage0, with a shell script for a stage1: prepared, handed over, watched,
// stopped, collected. What stage1 must find when it starts, and what must never be seen on the host.
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>

#include <gtest/gtest.h>

#include "common/contract/pod_paths.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/pod/enter.h"
#include "stage0/pod/gc.h"
#include "stage0/pod/layers_in_use.h"
#include "stage0/pod/list.h"
#include "stage0/pod/prepare.h"
#include "stage0/pod/run.h"
#include "stage0/pod/status.h"
#include "stage0/pod/stop.h"
#include "stage0/store/store.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;
using test::ok;

// The stub's `run`: tells what it sees in DATA/seen, becomes a pod of one child, records code 7 for app web.
constexpr const char* kRun = R"sh(#!/bin/sh
seen=$(dirname "$(dirname "$(dirname "$PWD")")")/seen
ls /proc/self/fd >"$seen.fds"
{ echo "args $0 $*"; echo "cwd $PWD"; env | grep -E '^(RKT|AGENA)_' | sort; } >"$seen.tmp"
cp /proc/self/mountinfo "$seen.mounts"
cat stage1/rootfs/opt/stage2/web/rootfs/etc/greeting >"$seen.greeting"
ls -l stage1/rootfs/opt/stage2/web/rootfs/etc/mtab >"$seen.mtab" 2>&1
echo written >stage1/rootfs/opt/stage2/web/rootfs/etc/greeting
cp stage1/rootfs/etc/rkt-hosts "$seen.hosts" 2>/dev/null
mv "$seen.tmp" "$seen" 2>/dev/null
echo $$ >ppid.tmp; mv ppid.tmp ppid
ln -s ready stage1/rootfs/rkt/supervisor-status
if [ -e "$(dirname "$seen")/stay" ]; then eval "sleep 1000 $RKT_LOCK_FD>&-"; fi
echo 7 >stage1/rootfs/rkt/status/web
exit 7
)sh";
constexpr const char* kStop = R"sh(#!/bin/sh
pid=$(cat ppid)
kill $([ "$1" = --force ] && echo -9) $(cat /proc/$pid/task/$pid/children) $pid
)sh";
constexpr const char* kGc =
    "#!/bin/sh\necho \"gc $* $(ls stage1/rootfs | tr '\\n' ' ')\" >>../../../gc-log\n";
constexpr const char* kEnter = "#!/bin/sh\necho \"enter $*\" >../../../entered\n";

constexpr const char* kStage1Manifest =
    R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/stub-stage1","labels":[)"
    R"({"name":"version","value":"1"},{"name":"os","value":"linux"},{"name":"arch","value":"amd64"}],)"
    R"("annotations":[{"name":"coreos.com/rkt/stage1/run","value":"/init/run"},)"
    R"({"name":"coreos.com/rkt/stage1/gc","value":"/init/gc"},)"
    R"({"name":"coreos.com/rkt/stage1/enter","value":"/init/enter"},)"
    R"({"name":"coreos.com/rkt/stage1/stop","value":"/init/stop"},)"
    R"({"name":"coreos.com/rkt/stage1/interface-version","value":"6"}]})";
constexpr const char* kAppManifest =
    R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/web","labels":[)"
    R"({"name":"version","value":"2"},{"name":"os","value":"linux"},{"name":"arch","value":"amd64"}],)"
    R"("app":{"exec":["/bin/web"],"user":"0","group":"0"}})";

// Files of one layer: path -> content; a path that ends in '/' is a directory, an executable begins with
// "#!".
using Files = std::vector<std::pair<std::string, std::string>>;

class PodRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    engine_.data_dir = temp_.path() + "/data";
    engine_.personality = "agena";
    engine_.local_config_dir = "/etc/agena";
    host_mounts_ = sys::read_file(sys::at_cwd(), "/proc/self/mountinfo").value();
  }

  void TearDown() override {
    EXPECT_EQ(sys::read_file(sys::at_cwd(), "/proc/self/mountinfo").value(), host_mounts_)
        << "something was mounted on the host";
  }

  static LayerKey key_of(char digit) { return LayerKey::parse("sha256-" + std::string(64, digit)).value(); }

  void import(const std::string& id_digits, const std::string& manifest,
              const std::vector<std::pair<char, Files>>& layers) {
    Store store = Store::open(engine_.data_dir, Store::Mode::kReadWrite).value();
    ImageRecord record{.id = "sha512-" + id_digits + std::string(64 - id_digits.size(), '0'),
                       .manifest = codec::parse_image_manifest(manifest).value(),
                       .oci = std::nullopt,
                       .names = {},
                       .layers = {},
                       .sources = {},
                       .chain_id = {}};
    std::vector<LayerKey> keys;
    for (const auto& [digit, files] : layers) {
      keys.push_back(key_of(digit));
      record.layers.push_back({keys.back(), 0});
      if (store.has_layer(keys.back()).value()) continue;
      auto staged = store.stage_layer().value();
      for (const auto& [path, content] : files) {
        if (path.ends_with('/'))
          ASSERT_TRUE(ok(sys::make_dirs(staged.fs, path)));
        else
          ASSERT_TRUE(ok(sys::write_file(staged.fs, path, content, content.starts_with("#!") ? 0755 : 0644)));
      }
      const Digest digest = Digest::parse("sha256:" + std::string(64, digit)).value();
      LayerMeta meta{
          .key = keys.back(), .diff_id = digest, .record_digest = digest, .implied_directories = {}};
      std::vector<Store::Commit> commits;
      commits.push_back({std::move(staged), std::move(meta)});
      ASSERT_TRUE(ok(store.commit_layers(std::move(commits))));
    }
    record.chain_id = root_chain_id(keys);
    ASSERT_TRUE(ok(store.commit_image(record)));
  }

  // Both images; stage1 in one or two layers.
  void import_both(bool split_stage1 = false) {
    const Files dirs = {{"init/", ""},
                        {"rkt/status/", ""},
                        {"etc/", ""},
                        {"opt/stage2/", ""},
                        {"etc/hosts-fallback", "127.0.0.1 localhost\n"},
                        {"init/run", kRun},
                        {"init/stop", kStop}};
    const Files rest = {{"init/", ""}, {"init/gc", kGc}, {"init/enter", kEnter}};
    if (split_stage1) {
      stage1_id_ = "12";
      import(stage1_id_, kStage1Manifest, {{'1', dirs}, {'2', rest}});
    } else {
      Files all = dirs;
      all.insert(all.end(), rest.begin(), rest.end());
      import(stage1_id_, kStage1Manifest, {{'3', all}});
    }
    import("22", kAppManifest,
           {{'4', {{"etc/", ""}, {"etc/greeting", "hello\n"}, {"bin/", ""}, {"bin/web", "#!/bin/true"}}}});
  }

  RunRequest request() const {
    RunRequest run;
    run.prepare.stage1 = {Stage1Selection::Kind::kHash, "sha512-" + stage1_id_ + "00"};
    AppRequest app;
    app.image = "sha512-2200";
    run.prepare.apps = {app};
    run.launch.networks = {{"none", ""}};
    run.uuid_file_save = temp_.path() + "/uuid";
    return run;
  }

  // Runs `launch` in a child, as the command does; the child becomes stage1. Returns its pid.
  static pid_t in_child(const std::function<Result<PodLaunch>()>& launch) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    // What the test's caller left open is not stage0's affair.
    (void)::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    auto launched = launch();
    if (!launched) {
      (void)!::write(2, launched.error().to_string().c_str(), launched.error().to_string().size());
      ::_exit(254);
    }
    const Error failed = hand_over(*std::move(launched));
    (void)!::write(2, failed.to_string().c_str(), failed.to_string().size());
    ::_exit(253);
  }
  static int code_of(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string data(const std::string& name) const {
    return sys::read_file(sys::at_cwd(), engine_.data_dir + "/" + name).value_or("(no such file)");
  }
  void stay() const { ASSERT_TRUE(ok(sys::write_file(sys::at_cwd(), engine_.data_dir + "/stay", ""))); }
  Uuid saved_uuid() const {
    return Uuid::parse(sys::read_file(sys::at_cwd(), temp_.path() + "/uuid").value()).value();
  }
  GcResult collect() const {
    auto result = collect_garbage(engine_, {.grace_period = 0, .on_event = {}});
    EXPECT_TRUE(ok(result));
    for (const Error& error : result->errors) ADD_FAILURE() << error.to_string();
    return *std::move(result);
  }
  Pod only_pod(const Pods& pods) const { return Pod::open(pods, saved_uuid()).value(); }
  // Starts a pod that stays, and waits until it is ready.
  pid_t start_staying() {
    stay();
    const pid_t child = in_child([&] { return launch_pod(engine_, request()); });
    // The UUID file appears before the pod starts.
    for (int i = 0; i < 2000 && !sys::exists(sys::at_cwd(), temp_.path() + "/uuid").value(); ++i)
      ::usleep(5'000);
    const Pods pods = Pods::open(engine_.data_dir).value();
    Pod pod = only_pod(pods);
    EXPECT_TRUE(wait_for_pod(pod, WaitFor::kReady, 30 * kSecond).value_or(false));
    return child;
  }

  // The stub's child that stays: the one before it, which made the symlink, may still be there.
  static pid_t lasting_child(Pod& pod) {
    for (int i = 0; i < 1000; ++i, ::usleep(5'000)) {
      const pid_t pid = wait_for_pod_pid(pod).value().value();
      if (sys::read_file(sys::at_cwd(), fmt::format("/proc/{}/comm", pid)).value_or("") == "sleep\n")
        return pid;
    }
    ADD_FAILURE() << "the pod has no lasting child";
    return 0;
  }

  test::TempDir temp_;
  Engine engine_;
  std::string host_mounts_;
  std::string stage1_id_ = "11";
};

TEST_F(PodRunTest, HandsOverAWholePod) {
  import_both();
  RunRequest run = request();
  run.launch.hosts.mode = HostsRequest::Mode::kStage0;
  run.launch.hosts.entries = {{"10.1.1.1", {"db"}}};
  EXPECT_EQ(code_of(in_child([&] { return launch_pod(engine_, run); })), 7);
  const std::string uuid = saved_uuid().str();
  const std::string pod_dir = engine_.data_dir + "/pods/run/" + uuid;
  const std::string seen = data("seen");
  EXPECT_NE(seen.find("args " + pod_dir +
                      "/stage1/rootfs/init/run --net=none --local-config=/etc/agena "
                      "--hostname=agena-" +
                      uuid + " --dns-conf-mode=resolv=default,hosts=stage0 " + uuid + "\n"),
            std::string::npos)
      << seen;
  EXPECT_NE(seen.find("cwd " + pod_dir + "\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("RKT_SELINUX_CONTEXT=\nRKT_SELINUX_MOUNT_CONTEXT=\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("AGENA_START_NS="), std::string::npos);
  // Standard streams, the lock, and what the shell itself has open.
  const std::size_t at = seen.find("RKT_LOCK_FD=");
  ASSERT_NE(at, std::string::npos);
  const std::string lock_fd = seen.substr(at + 12, seen.find('\n', at) - at - 12);
  EXPECT_EQ(data("seen.fds"), "0\n1\n2\n3\n" + lock_fd + "\n") << "3 is what ls itself opens";
  EXPECT_EQ(data("seen.greeting"), "hello\n");
  EXPECT_NE(data("seen.mtab").find("-> ../proc/self/mounts"), std::string::npos);
  EXPECT_EQ(data("seen.hosts"), "127.0.0.1 localhost\n10.1.1.1\tdb\n");
  EXPECT_NE(data("seen.mounts").find(pod_dir + "/stage1/rootfs/opt/stage2/web/rootfs "), std::string::npos);

  const auto list = list_pods(engine_);
  ASSERT_TRUE(ok(list));
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().state, PodState::kExited);
  EXPECT_TRUE(list->front().problems.empty());
  ASSERT_EQ(list->front().apps.size(), 1U);
  EXPECT_EQ(list->front().apps[0].exit_code, 7);
  EXPECT_EQ(list->front().apps[0].image_name, "example.com/web:2");
  // The app wrote into its own layer, not into the store's.
  EXPECT_EQ(data("pods/run/" + uuid + "/" + paths::app_upper("web") + "/etc/greeting"), "written\n");
  EXPECT_EQ(data("cas/layers/" + key_of('4').str() + "/fs/etc/greeting"), "hello\n");
  EXPECT_EQ(layers_in_use(engine_.data_dir).value(), (std::set<LayerKey>{key_of('3'), key_of('4')}));

  EXPECT_EQ(collect().deleted, 1U);
  EXPECT_EQ(data("gc-log"), "gc --local-config=/etc/agena " + uuid + " \n");
  EXPECT_TRUE(layers_in_use(engine_.data_dir)->empty());
}

TEST_F(PodRunTest, CopiedRootsGiveTheSamePod) {
  import_both();
  RunRequest run = request();
  run.prepare.no_overlay = true;
  EXPECT_EQ(code_of(in_child([&] { return launch_pod(engine_, run); })), 7);
  EXPECT_EQ(data("seen.greeting"), "hello\n");
  EXPECT_EQ(data("seen.mounts").find(engine_.data_dir), std::string::npos) << "nothing to mount";
  EXPECT_TRUE(layers_in_use(engine_.data_dir)->empty()) << "copies need no layers";
  const auto list = list_pods(engine_);
  EXPECT_EQ(list->at(0).apps.at(0).exit_code, 7);
  EXPECT_EQ(data("cas/layers/" + key_of('4').str() + "/fs/etc/greeting"), "hello\n");
  EXPECT_EQ(collect().deleted, 1U);
  EXPECT_NE(data("gc-log").find("init opt rkt"), std::string::npos) << "gc ran from the copy";
}

TEST_F(PodRunTest, PrepareThenRunPreparedWithoutTheImages) {
  import_both();
  const auto prepared = prepare_pod(engine_, request().prepare);
  ASSERT_TRUE(ok(prepared));
  const auto list = list_pods(engine_);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().state, PodState::kPrepared);
  // `image rm` and a sweep must leave the pod what it is made of.
  {
    Store store = Store::open(engine_.data_dir, Store::Mode::kReadWrite).value();
    const auto images = store.list_images();
    for (const auto& image : *images) ASSERT_TRUE(ok(store.remove_image(image.id)));
    const auto swept = store.sweep_layers([&] { return layers_in_use(engine_.data_dir); });
    ASSERT_TRUE(ok(swept));
    EXPECT_EQ(swept->layers, 0U);
  }
  const RunPreparedRequest run{
      .uuid = prepared->uuid.short_form(), .launch = request().launch, .insecure = {}};
  EXPECT_EQ(code_of(in_child([&] { return launch_prepared_pod(engine_, run); })), 7);
  EXPECT_EQ(data("seen.greeting"), "hello\n");
  EXPECT_EQ(code_of(in_child([&] { return launch_prepared_pod(engine_, run); })), 7)
      << "an ended pod can be started again";
  EXPECT_EQ(collect().deleted, 1U);
  Store store = Store::open(engine_.data_dir, Store::Mode::kReadWrite).value();
  EXPECT_EQ(store.sweep_layers([&] { return layers_in_use(engine_.data_dir); })->layers, 2U);
}

TEST_F(PodRunTest, StopEnterAndGcWorkFromTheLayers) {
  for (const bool split : {false, true}) {
    import_both(split);
    const pid_t child = start_staying();
    const Pods pods = Pods::open(engine_.data_dir).value();
    Pod pod = only_pod(pods);
    EXPECT_EQ(read_pod_status(pod)->pid, child);
    const std::string pid = std::to_string(lasting_child(pod));
    const pid_t entering = ::fork();
    if (entering == 0) {
      auto call = enter_pod(engine_, pod, {.app = "", .command = {"ls", "--all"}});
      if (call) (void)exec_stage1(*call);
      ::_exit(99);
    }
    EXPECT_EQ(code_of(entering), 0);
    EXPECT_EQ(data("entered"), "enter --pid=" + pid + " --appname=web -- ls --all\n");
    EXPECT_EQ(enter_pod(engine_, pod, {.app = "other", .command = {"ls"}}).error().message(),
              "the pod has no app 'other', only web");
    EXPECT_EQ(collect().deleted, 0U) << "it is running";
    const auto stopped = stop_pod(engine_, pod, {.force = true});
    ASSERT_TRUE(ok(stopped));
    EXPECT_EQ(*stopped, StopOutcome::kForced);
    EXPECT_EQ(code_of(child), 128 + SIGKILL);
    EXPECT_EQ(pod.state().value(), PodState::kExited);
    EXPECT_EQ(collect().deleted, 1U);
    ASSERT_TRUE(ok(sys::remove_file(sys::at_cwd(), temp_.path() + "/uuid")));
  }
  // Mounted from two layers for the second pod, bare from one layer for the first.
  EXPECT_NE(data("gc-log").find("etc init opt rkt \n"), std::string::npos) << data("gc-log");
}

// Killed while it prepares: whatever instant it was, nothing is left that gc does not clear.
TEST_F(PodRunTest, KilledAtAnyInstant) {
  import_both();
  for (int delay = 0; delay < 60; ++delay) {
    const pid_t child = in_child([&] {
      RunRequest run = request();
      run.prepare.no_overlay = delay % 3 == 0;
      return launch_pod(engine_, run);
    });
    ::usleep(static_cast<useconds_t>(delay) * 400);
    ::kill(child, SIGKILL);
    (void)code_of(child);
    EXPECT_TRUE(ok(list_pods(engine_)));
  }
  const auto pods_in = [&](const char* phase) {
    return sys::list_dir(sys::at_cwd(), engine_.data_dir + "/pods/" + phase).value();
  };
  // The script of this stage1 may have been about to start a program, which keeps the inherited lock until it
  // ends.
  for (int i = 0; i < 100 && !pods_in("run").empty(); ++i) {
    (void)collect();
    ::usleep(50'000);
  }
  (void)collect();
  for (const char* phase : {"prepare", "prepared", "run", "exited-garbage", "garbage"})
    EXPECT_TRUE(pods_in(phase).empty()) << phase;
}

TEST_F(PodRunTest, SixteenAtOnce) {
  import_both();
  std::vector<pid_t> children;
  for (int i = 0; i < 16; ++i) {
    RunRequest run = request();
    run.uuid_file_save = "";
    children.push_back(in_child([&] { return launch_pod(engine_, run); }));
  }
  for (const pid_t child : children) EXPECT_EQ(code_of(child), 7);
  EXPECT_EQ(list_pods(engine_)->size(), 16U);
  // Two collectors at once share the work.
  const pid_t other = ::fork();
  if (other == 0)
    ::_exit(collect_garbage(engine_, {.grace_period = 0, .on_event = {}})->errors.empty() ? 0 : 1);
  const auto result = collect();
  EXPECT_EQ(code_of(other), 0);
  EXPECT_LE(result.deleted, 16U);
  EXPECT_EQ(list_pods(engine_)->size(), 0U);
}

TEST_F(PodRunTest, ErrorsNameTheThing) {
  import_both();
  RunRequest run = request();
  run.prepare.apps[0].image = "sha512-33";
  auto failed = prepare_pod(engine_, run.prepare);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().to_string().find("image 'sha512-33'"), std::string::npos);
  run = request();
  run.prepare.stage1.value = "sha512-2200";
  failed = prepare_pod(engine_, run.prepare);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().to_string().find("image 'example.com/web' is not a stage1"), std::string::npos);
  run = request();
  run.prepare.stage1 = {};
  failed = prepare_pod(engine_, run.prepare);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().to_string().find("finding the stage1 image: no default stage1 image"),
            std::string::npos);
  EXPECT_TRUE(list_pods(engine_)->empty()) << "nothing was made";
}

}  // namespace
}  // namespace agena::stage0
