// The library of apps in a process with threads: what it does to the pod, and what it must not do to the
// process.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/side_thread.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/app/apps.h"
#include "stage0/app/root_maker.h"
#include "stage0/pod/pod_info.h"
#include "stage0/pod/roots.h"
#include "stage0/pod/run.h"
#include "stage0/pod/status.h"
#include "stage0/store/store.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;
using test::ok;

constexpr std::array kEntrypoints = {"run",    "enter",     "gc",       "stop",      "app/add",
                                     "app/rm", "app/start", "app/stop", "app/update"};

std::string image_manifest(const std::string& name, const std::string& members) {
  return R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/)" + name +
         R"(","labels":[{"name":"os","value":"linux"},{"name":"arch","value":"amd64"}],)" + members + "}";
}

std::string stage1_manifest() {
  std::string notes = R"({"name":"coreos.com/rkt/stage1/interface-version","value":"8"})";
  for (std::string name : kEntrypoints) {
    std::string program = name;
    std::ranges::replace(program, '/', '-');
    notes += R"(,{"name":"coreos.com/rkt/stage1/)" + name + R"(","value":"/stub/)" + program + R"("})";
  }
  return image_manifest("stub", R"("annotations":[)" + notes + "]");
}

class AppTest : public ::testing::Test {
 protected:
  void SetUp() override {
    engine_.data_dir = temp_.path() + "/data";
    engine_.personality = "agena";
    program_ = sys::read_file(sys::at_cwd(), AGENA_STUB_STAGE1, 64U << 20U).value();
    import('1', stage1_manifest(), [&](const sys::DirFd& fs) {
      write_program(fs, "stub", "program");
      for (std::string name : kEntrypoints) {
        std::ranges::replace(name, '/', '-');
        EXPECT_TRUE(ok(sys::make_symlink("program", fs, "stub/" + name)));
      }
    });
    import('2', image_manifest("app", R"("app":{"exec":["/bin/app"],"user":"0","group":"0"})"),
           [&](const sys::DirFd& fs) {
             write_program(fs, "bin", "app");
             EXPECT_TRUE(ok(sys::make_dirs(fs, "etc")));
           });
    start_pod();
  }

  void TearDown() override {
    EXPECT_EQ(::kill(pod_, SIGTERM), 0);
    EXPECT_EQ(::waitpid(pod_, nullptr, 0), pod_);
  }

  void write_program(const sys::DirFd& fs, const std::string& directory, const std::string& name) const {
    ASSERT_TRUE(ok(sys::make_dirs(fs, directory)));
    ASSERT_TRUE(ok(sys::write_file(fs, directory + "/" + name, program_, 0755)));
  }

  template <class Fill>
  void import(char digit, const std::string& manifest, const Fill& fill) {
    Store store = Store::open(engine_.data_dir, Store::Mode::kReadWrite).value();
    const LayerKey key = LayerKey::parse("sha256-" + std::string(64, digit)).value();
    auto staged = store.stage_layer().value();
    fill(staged.fs);
    const Digest digest = Digest::parse("sha256:" + std::string(64, digit)).value();
    LayerMeta meta{.key = key, .diff_id = digest, .record_digest = digest, .implied_directories = {}};
    std::vector<Store::Commit> commits;
    commits.push_back({std::move(staged), std::move(meta)});
    ASSERT_TRUE(ok(store.commit_layers(std::move(commits))));
    ImageRecord record{.id = "sha512-" + std::string(64, digit),
                       .manifest = codec::parse_image_manifest(manifest).value(),
                       .oci = std::nullopt,
                       .names = {},
                       .layers = {{key, 0}},
                       .sources = {},
                       .chain_id = root_chain_id(std::array{key})};
    ASSERT_TRUE(ok(store.commit_image(record)));
  }

  void start_pod() {
    RunRequest run;
    run.prepare.stage1 = {Stage1Selection::Kind::kHash, "sha512-1111"};
    run.prepare.is_mutable = true;
    run.launch.networks = {{"none", ""}};
    run.uuid_file_save = temp_.path() + "/uuid";
    pod_ = ::fork();
    if (pod_ == 0) {
      auto launched = launch_pod(engine_, run);
      const Error failed = launched ? hand_over(*std::move(launched)) : launched.error();
      (void)!::write(2, failed.to_string().c_str(), failed.to_string().size());
      ::_exit(254);
    }
    for (int i = 0; i < 6000 && uuid_.empty(); ++i, ::usleep(5'000))
      uuid_ = sys::read_file(sys::at_cwd(), run.uuid_file_save).value_or("");
    const Pods pods = Pods::open(engine_.data_dir).value();
    Pod pod = find_pod(pods, uuid_).value();
    ASSERT_TRUE(wait_for_pod(pod, WaitFor::kReady, 60 * kSecond).value_or(false));
  }

  AppOperation operation() const { return {.pod = uuid_, .timeout = 300 * kSecond}; }

  AddAppRequest addition(const std::string& name) const {
    AddAppRequest request{.operation = operation(), .app = {}, .volumes = {}, .ports = {}, .insecure = {}};
    request.app.image = "sha512-2222";
    request.app.name = name;
    return request;
  }

  std::vector<std::string> app_names() const {
    const Pods pods = Pods::open(engine_.data_dir).value();
    Pod pod = find_pod(pods, uuid_).value();
    std::vector<std::string> names;
    const PodInfo info = read_pod_info(pod).value();
    for (const AppInfo& app : info.apps) names.push_back(app.name);
    return names;
  }

  test::TempDir temp_;
  Engine engine_;
  std::string program_;
  std::string uuid_;
  pid_t pod_ = 0;
};

// What belongs to the process and not to a thread.
struct ProcessFacts {
  std::string directory;
  std::vector<std::string> mounts;  // of pods; others may use the machine
  std::string mount_namespace;
  std::vector<std::string> files;
  mode_t mask = 0;

  static ProcessFacts now() {
    ProcessFacts facts;
    facts.directory = sys::read_link(sys::at_cwd(), "/proc/self/cwd").value();
    const std::string mounts = sys::read_file(sys::at_cwd(), "/proc/self/mountinfo").value();
    for (const std::string& line : split(mounts, '\n'))
      if (line.contains("/data/pods/") || line.contains("/opt/stage2/")) facts.mounts.push_back(line);
    facts.mount_namespace = sys::read_link(sys::at_cwd(), "/proc/self/ns/mnt").value();
    facts.files = sys::list_dir(sys::at_cwd(), "/proc/self/fd").value();
    facts.mask = ::umask(0);
    ::umask(facts.mask);
    return facts;
  }
  bool operator==(const ProcessFacts&) const = default;
};

TEST_F(AppTest, ManyThreadsAtOnce) {
  const ProcessFacts before = ProcessFacts::now();
  constexpr int kThreads = 6;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([this, name = fmt::format("app{}", i)] {
      for (int round = 0; round < 2; ++round) {
        const auto added = add_app(engine_, addition(name));
        EXPECT_TRUE(ok(added));
        EXPECT_EQ(added ? added->app : "", name);
        EXPECT_TRUE(ok(start_app(engine_, {.operation = operation(), .app = name})));
        EXPECT_TRUE(ok(stop_app(engine_, {.operation = operation(), .app = name})));
        EXPECT_TRUE(ok(remove_app(engine_, {.operation = operation(), .app = name})));
      }
      EXPECT_TRUE(ok(add_app(engine_, addition(name))));
    });
  for (std::thread& thread : threads) thread.join();
  auto names = app_names();
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"app0", "app1", "app2", "app3", "app4", "app5"}));
  EXPECT_EQ(before, ProcessFacts::now());
}

TEST_F(AppTest, ErrorsSayWhatSortTheyAre) {
  ASSERT_TRUE(ok(add_app(engine_, addition("web"))));
  const auto twice = add_app(engine_, addition("web"));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind(), ErrorKind::kAlreadyExists);
  const auto unknown = remove_app(engine_, {.operation = operation(), .app = "db"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind(), ErrorKind::kNotFound);

  const std::string lock = engine_.data_dir + "/pods/run/" + uuid_ + "/" + paths::kManifestLock;
  const auto held =
      sys::FileLock::wait(sys::open_at(sys::at_cwd(), lock, O_RDWR).value(), sys::LockMode::kExclusive);
  AddAppRequest late = addition("late");
  late.operation.timeout = kSecond / 20;
  const auto busy = add_app(engine_, late);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().kind(), ErrorKind::kBusy);
  EXPECT_EQ(app_names(), (std::vector<std::string>{"web"}));
}

// As on kernels before 6.13.
TEST_F(AppTest, ARootThatIsMadeByMounting) {
  const ProcessFacts before = ProcessFacts::now();
  {
    const Store store = Store::open(engine_.data_dir, Store::Mode::kReadOnly).value();
    const sys::DirFd pod = sys::open_dir(engine_.data_dir + "/pods/run/" + uuid_).value();
    const AppSource source{"web", {{LayerKey::parse("sha256-" + std::string(64, '2')).value()}, "id", "{}"}};
    ASSERT_TRUE(ok(prepare_app_overlay(store, pod, source, nullptr)));
    const RootMaker maker{
        .data_dir = engine_.data_dir, .store = store, .pod = pod, .users = nullptr, .selinux_context = ""};
    const auto mount = maker.make_by_mounting("web");
    ASSERT_TRUE(ok(mount));
    EXPECT_TRUE(sys::exists(sys::DirRef(mount->get()), "bin/app").value());
    ASSERT_TRUE(ok(sys::write_file(sys::DirRef(mount->get()), "made", "x")));
    EXPECT_TRUE(sys::exists(pod, paths::app_upper("web") + "/made").value());
  }
  EXPECT_EQ(before, ProcessFacts::now());
  // What is there now is nobody's: the next change clears it.
  ASSERT_TRUE(ok(add_app(engine_, addition("web"))));
}

}  // namespace
}  // namespace agena::stage0
