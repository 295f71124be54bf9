#include "stage0/cli/pod_request.h"

#include <gtest/gtest.h>

#include "stage0/cli/commands.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stage0/cli/argv.h"

namespace agena::stage0 {
namespace {

using test_cli::Argv;
using testing::error_of;

const CommandRow& row_of(std::string_view name) {
  for (const CommandRow& row : command_rows())
    if (row.spec.name == name) return row;
  ADD_FAILURE() << "no command " << name;
  return command_rows().front();
}

// A line of a command with images, through the real tables. Keeps the line that the request was made of.
template <class Request, class Make>
Result<Request> request_of(std::string_view command, const std::string& line, Make make) {
  const Argv argv(line);
  const CommandRow& row = row_of(command);
  std::vector<OptionList> lists(row.spec.options.begin(), row.spec.options.end());
  lists.push_back(global_options());
  const ImageArgs args = TRY(parse_image_args(
      argv.views(),
      {.options = lists, .app_options = row.app_options, .leading_app_options = row.leading_app_options}));
  return make(args, TRY(read_global_flags(args.uses)).insecure);
}

Result<RunRequest> run_request(const std::string& line) {
  return request_of<RunRequest>("run", line, make_run_request);
}
Result<PrepareRequest> prepare_request(const std::string& line) {
  return request_of<PrepareRequest>("prepare", line, make_prepare_request);
}

Result<SandboxRequest> sandbox_request(const std::string& line) {
  const Argv argv(line);
  const CommandRow& row = row_of("app sandbox");
  std::vector<OptionList> lists(row.spec.options.begin(), row.spec.options.end());
  lists.push_back(global_options());
  const ParsedArgs args = TRY(parse_args(argv.views(), lists));
  return make_sandbox_request(args.uses, TRY(read_global_flags(args.uses)).insecure);
}

AppRequest app_of(const std::string& image) {
  AppRequest app;
  app.image = image;
  return app;
}

TEST(RunRequest, DefaultsOfOneImage) {
  RunRequest expected;
  expected.prepare.apps = {app_of("x")};
  EXPECT_EQ(ASSERT_VALUE(run_request("x")), expected);
}

TEST(SandboxRequest, IsAMutablePodWithoutApps) {
  RunRequest expected;
  expected.prepare.is_mutable = true;
  const SandboxRequest plain = ASSERT_VALUE(sandbox_request(""));
  EXPECT_EQ(plain.run, expected);
  EXPECT_FALSE(plain.detach);
  EXPECT_EQ(plain.ready_timeout, 60 * kSecond);
  const SandboxRequest request = ASSERT_VALUE(sandbox_request(
      "-d --wait-timeout=5s "
      "--net=host --no-overlay --private-users --dns=host --hostname=n --uuid-file-save=/u --ipc=parent "
      "--annotation=a=1 --user-annotation=b=2 --user-label=c=3 --pod-name=box --pod-memory=1Gi --timeout=5m "
      "--stage1-path=/s1 --shm-size=1k --insecure-options=paths"));
  expected.prepare.annotations = {{"a", "1"}};
  expected.prepare.user_annotations = {{"b", "2"}};
  expected.prepare.user_labels = {{"c", "3"}};
  expected.prepare.name = "box";
  expected.prepare.no_overlay = true;
  expected.prepare.private_users = true;
  expected.prepare.resources.memory = "1Gi";
  expected.prepare.kernel.shm_size = 1024;
  expected.prepare.stage1 = {Stage1Selection::Kind::kPath, "/s1"};
  expected.prepare.insecure.paths = true;
  expected.launch.networks = {{"host", ""}};
  expected.launch.dns.mode = DnsRequest::Mode::kHost;
  expected.launch.hostname = "n";
  expected.launch.ipc = "parent";
  expected.launch.timeout = 300 * kSecond;
  expected.uuid_file_save = "/u";
  EXPECT_EQ(request.run, expected);
  EXPECT_TRUE(request.detach);
  EXPECT_EQ(request.ready_timeout, 5 * kSecond);
}

TEST(SandboxRequest, PortsWantNetworks) {
  EXPECT_EQ(error_of(sandbox_request("--net=none --port=http:tcp:80::8080")),
            "--port does not work with the networks 'none' and 'host'");
  EXPECT_EQ(error_of(sandbox_request("--port=http:8080")),
            "--port: expected NAME:PROTO:PORT:HOSTIP:HOSTPORT, found 'http:8080'");
}

TEST(RunRequest, EveryFlagOfThePod) {
  const RunRequest request = ASSERT_VALUE(run_request(
      "--net=host --no-overlay --private-users --interactive --inherit-env --set-env=A=1 --dns=1.1.1.1 "
      "--dns-search=a,b --dns-opt=x --dns-domain=d --hosts-entry=127.0.0.1=h --hostname=n "
      "--pull-policy=update "
      "--uuid-file-save=/u --volume=v,kind=empty --ipc=parent --stage1-path=/s1 --insecure-options=paths "
      "--pod-memory=1Gi --pod-cpu=2 --pod-pids-limit=100 "
      "--mount=volume=v,target=/m x"));
  RunRequest expected;
  PrepareRequest& prepare = expected.prepare;
  prepare.apps = {app_of("x")};
  prepare.mounts = {{"v", "/m"}};
  prepare.volumes.emplace_back();
  prepare.volumes[0].name = "v";
  prepare.volumes[0].kind = VolumeRequest::Kind::kEmpty;
  prepare.inherit_env = true;
  prepare.set_env = {{"A", "1"}};
  prepare.pull_policy = PullPolicy::kUpdate;
  prepare.stage1 = {Stage1Selection::Kind::kPath, "/s1"};
  prepare.insecure.paths = true;
  prepare.resources = {.memory = "1Gi", .cpu = "2", .pids_limit = "100"};
  prepare.no_overlay = true;
  prepare.private_users = true;
  LaunchRequest& launch = expected.launch;
  launch.networks = {{"host", ""}};
  launch.dns = {DnsRequest::Mode::kStage0, {"1.1.1.1"}, {"a", "b"}, {"x"}, "d"};
  launch.hosts = {HostsRequest::Mode::kStage0, {{"127.0.0.1", {"h"}}}};
  launch.hostname = "n";
  launch.interactive = true;
  launch.ipc = "parent";
  expected.uuid_file_save = "/u";
  EXPECT_EQ(request, expected);
  EXPECT_TRUE(request.launch.host_network());
}

TEST(RunRequest, EveryFlagOfAnApp) {
  const RunRequest request = ASSERT_VALUE(run_request(
      "x --exec=/e --name=n --user=u --group=g --supplementary-gids=1,2 --working-dir=/w "
      "--readonly-rootfs=true "
      "--environment=E=1 --annotation=a=1 --user-annotation=b=2 --user-label=c=3 --mount=volume=v,target=/m "
      "--memory=1Gi --cpu 500m --cpu-shares=5 --oom-score-adj -3 --caps-retain=CAP_KILL,CAP_CHOWN "
      "--seccomp=mode=retain,@docker/default-whitelist --rlimit=nofile=1 --ulimit core=2:3 --pids-limit=4 "
      "--device-read-bps=/dev/a:1M --device-write-bps=/dev/a:2 --device-read-iops=/dev/a:3 "
      "--device-write-iops=/dev/a:4 -- -a --- y -- b"));
  AppRequest app = app_of("x");
  app.name = "n";
  app.exec = "/e";
  app.args = {"-a"};
  app.has_args = true;
  app.user = "u";
  app.group = "g";
  app.supplementary_gids = {1, 2};
  app.working_dir = "/w";
  app.readonly_rootfs = true;
  app.environment = {{"E", "1"}};
  app.annotations = {{"a", "1"}};
  app.user_annotations = {{"b", "2"}};
  app.user_labels = {{"c", "3"}};
  app.mounts = {{"v", "/m"}};
  app.isolators = {.memory = "1Gi",
                   .cpu = "500m",
                   .cpu_shares = "5",
                   .oom_score_adj = "-3",
                   .caps_retain = {{"CAP_KILL", "CAP_CHOWN"}},
                   .caps_remove = {},
                   .seccomp = "mode=retain,@docker/default-whitelist"};
  app.resources.rlimits = {"nofile=1", "core=2:3"};
  app.resources.pids_limit = "4";
  using enum DeviceRateFlag::Kind;
  app.resources.device_rates = {
      {kReadBps, "/dev/a:1M"}, {kWriteBps, "/dev/a:2"}, {kReadIops, "/dev/a:3"}, {kWriteIops, "/dev/a:4"}};
  ASSERT_EQ(request.prepare.apps.size(), 2U);
  EXPECT_EQ(request.prepare.apps[0], app);
  AppRequest second = app_of("y");
  second.args = {"b"};
  second.has_args = true;
  EXPECT_EQ(request.prepare.apps[1], second);
}

struct Refusal {
  const char* line;
  const char* error;
};

class RefusedRun : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedRun, NamesTheFlag) { EXPECT_EQ(error_of(run_request(GetParam().line)), GetParam().error); }

INSTANTIATE_TEST_SUITE_P(
    Lines, RefusedRun,
    ::testing::Values(
        Refusal{"", "must provide at least one image or specify the pod manifest"},
        Refusal{"--pod-manifest=m x", "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --inherit-env", "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --set-env=a=b", "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --store-only", "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --pull-policy=never",
                "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --volume=v,kind=empty",
                "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --mount=volume=v,target=/t",
                "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --port=p:1", "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--net=host --net=host x", "--net: network 'host' is given twice"},
        Refusal{"--net=none --port=p:80 x", "--port does not work with the networks 'none' and 'host'"},
        Refusal{"--net=host --port=p:80 x", "--port does not work with the networks 'none' and 'host'"},
        Refusal{
            "--net=none --mds-register x",
            "--mds-register does not work with the network 'none': use 'host', 'default' or another network "
            "that reaches the host"},
        Refusal{"--interactive x y", "--interactive: interactive option only supports one image"},
        Refusal{"--stage1-path=a --stage1-hash=b x",
                "--stage1-hash: the stage1 image can be chosen once only"},
        Refusal{"--stage1-path=a --stage1-path=a x",
                "--stage1-path: the stage1 image can be chosen once only"},
        Refusal{"--store-only --no-store x", "--store-only and --no-store exclude each other"},
        Refusal{"--set-env=A=1 --set-env=A=2 x", "--set-env: 'A' is already set"},
        Refusal{"--set-env=A x", "--set-env: expected NAME=VALUE, found 'A'"},
        Refusal{"--volume=v,kind=empty --volume=v,kind=empty x", "--volume: duplicate volume name 'v'"},
        Refusal{"--ipc=host x", "--ipc: 'host' is none of: auto, private, parent"},
        Refusal{"--pull-policy=always x", "--pull-policy: 'always' is none of: never, new, update"},
        Refusal{"--exec=/e x", "--exec must follow an image"},
        Refusal{"--name=n x", "--name must follow an image"},
        Refusal{"--user= x", "--user: the value is empty"},
        Refusal{"--environment=A=1 --environment=A=2 x", "--environment: 'A' is already set"},
        Refusal{"--pod-manifest=m --pod-memory=1Gi",
                "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --rlimit=nofile=1",
                "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--pod-manifest=m --memory=1Gi", "conflicting flags set with --pod-manifest (see --help)"},
        Refusal{"--signature=s x", "--signature must follow an image"},
        Refusal{"x --signature=", "image 'x': --signature: the value is empty"},
        Refusal{"x --readonly-rootfs", "flag '--readonly-rootfs' needs a value"},
        Refusal{"x --readonly-rootfs=1x", "image 'x': --readonly-rootfs: expected true or false, found '1x'"},
        Refusal{"x --caps-retain=A --caps-remove=B",
                "image 'x': --caps-retain and --caps-remove exclude each other"},
        Refusal{"x --exec=", "image 'x': --exec: the value is empty"},
        Refusal{"--insecure-options=x y", "--insecure-options: unknown insecure option 'x'"},
        Refusal{"--dir= y", "--dir: a directory cannot be empty"},
        Refusal{"--cpuprofile=f y", "--cpuprofile: this flag is not supported by this build"}));

TEST(RunRequest, FlagsBeforeTheFirstImageAreDefaultsForAllApps) {
  const RunRequest request = ASSERT_VALUE(
      run_request("--memory=1Gi --user=7 --environment=A=all --environment=B=all --cap-retain=CAP_KILL "
                  "--rlimit=nofile=1 --rlimit=core=1 "
                  "--mount=volume=v,target=/m x --user=8 --rlimit=nofile=2 --environment=A=own "
                  "--caps-retain=CAP_CHOWN y"));
  AppRequest x = app_of("x");
  x.user = "8";
  x.environment = {{"B", "all"}, {"A", "own"}};
  x.isolators.memory = "1Gi";
  x.resources.rlimits = {"core=1", "nofile=2"};
  x.isolators.caps_retain = {"CAP_CHOWN"};
  AppRequest y = app_of("y");
  y.user = "7";
  y.environment = {{"A", "all"}, {"B", "all"}};
  y.isolators.memory = "1Gi";
  y.resources.rlimits = {"nofile=1", "core=1"};
  y.isolators.caps_retain = {"CAP_KILL"};
  EXPECT_EQ(request.prepare.apps, (std::vector<AppRequest>{x, y}));
  EXPECT_EQ(request.prepare.mounts, (std::vector<MountRequest>{{"v", "/m"}}));
}

TEST(RunRequest, StreamsAndLogsTravelAsAnnotations) {
  const RunRequest request = ASSERT_VALUE(
      run_request("--log-max-files=3 x --stdin=tty --stdout=log --stdout=stream --log-driver=none"));
  EXPECT_EQ(request.prepare.apps.at(0).annotations,
            (std::vector<NameValue>{{"agena/log-max-files", "3"},
                                    {"coreos.com/rkt/stage2/stdin", "tty"},
                                    {"coreos.com/rkt/stage2/stdout", "stream"},
                                    {"agena/log-driver", "none"}}));
  EXPECT_EQ(
      error_of(run_request("x --stdout=file")),
      "image 'x': --stdout: annotation coreos.com/rkt/stage2/stdout: unknown mode 'file' (one of log, null, "
      "stream, tty)");
  EXPECT_EQ(error_of(run_request("x --log-max-size=12")),
            "image 'x': --log-max-size: annotation agena/log-max-size: '12' is less than 4096 bytes");
}

TEST(RunRequest, DeprecatedAliasesWork) {
  EXPECT_EQ(ASSERT_VALUE(run_request("--store-only x")).prepare.pull_policy, PullPolicy::kNever);
  EXPECT_EQ(ASSERT_VALUE(run_request("--no-store x")).prepare.pull_policy, PullPolicy::kUpdate);
  const RunRequest request = ASSERT_VALUE(run_request("x --cap-retain=CAP_KILL"));
  EXPECT_EQ(request.prepare.apps[0].isolators.caps_retain, std::vector<std::string>{"CAP_KILL"});
}

TEST(RunRequest, EnvironmentFilesLieBelowSetEnv) {
  const test::TempDir temp;
  ASSERT_TRUE(test::ok(sys::write_file(temp.dir(), "one", "# c\nA=file\nB=file\n")));
  ASSERT_TRUE(test::ok(sys::write_file(temp.dir(), "two", "C=file\n")));
  ASSERT_TRUE(test::ok(sys::write_file(temp.dir(), "bad", "C=1\nC=2\n")));
  const std::string file = "--set-env-file=" + temp.path() + "/";
  const RunRequest request = ASSERT_VALUE(run_request("--set-env=A=flag " + file + "one " + file + "two x"));
  EXPECT_EQ(request.prepare.set_env, (std::vector<NameValue>{{"A", "flag"}, {"B", "file"}, {"C", "file"}}));
  EXPECT_EQ(error_of(run_request(file + "bad x")),
            "environment file '" + temp.path() + "/bad': line 2: 'C' is already set");
  EXPECT_EQ(error_of(run_request(file + "two " + file + "two x")),
            "environment file '" + temp.path() + "/two': 'C' is already set by another file");
  EXPECT_FALSE(run_request(file + "missing x"));
}

TEST(PrepareRequest, TakesWhatRunTakesButTheStart) {
  const PrepareRequest request = ASSERT_VALUE(
      prepare_request("--quiet --port=http:24607 --volume=v,kind=host,source=/s x --exec=/e -- a"));
  EXPECT_EQ(request.ports, (std::vector<PortRequest>{{"http", "", 24607}}));
  EXPECT_EQ(error_of(prepare_request("--net=host x")), "unknown flag '--net'");
  EXPECT_EQ(error_of(prepare_request("--uuid-file-save=u x")), "unknown flag '--uuid-file-save'");
}

// Lines that programs are known to write.
TEST(PrepareRequest, TheLineOfNomadsDriver) {
  const PrepareRequest request = ASSERT_VALUE(prepare_request(
      "--insecure-options=image --debug=false --no-overlay=true --volume=alloc,kind=host,source=/a "
      "--mount=volume=alloc,target=/alloc --set-env=K=V --memory=100M --cpu=500m --port=http:24607 "
      "--user=1000 --group=1000 busybox.aci --exec=/bin/httpd -- -f -p 80"));
  EXPECT_TRUE(request.insecure.image);
  EXPECT_TRUE(request.no_overlay);
  EXPECT_EQ(request.mounts, (std::vector<MountRequest>{{"alloc", "/alloc"}}));
  ASSERT_EQ(request.apps.size(), 1U);
  EXPECT_EQ(request.apps[0].user, "1000");
  EXPECT_EQ(request.apps[0].isolators.memory, "100M");
  EXPECT_EQ(request.apps[0].args, (std::vector<std::string>{"-f", "-p", "80"}));
}

TEST(FetchRequests, UpdateUnlessSaid) {
  const auto request = [](const std::string& line) {
    return request_of<std::vector<FetchRequest>>("fetch", line, make_fetch_requests);
  };
  const auto policy = [&](const std::string& line) { return request(line).value().front().options.policy; };
  EXPECT_EQ(policy("x"), PullPolicy::kUpdate);
  EXPECT_EQ(policy("--pull-policy=new x"), PullPolicy::kNew);
  EXPECT_EQ(policy("--store-only x"), PullPolicy::kNever);
  const auto two = ASSERT_VALUE(request("--platform=linux/arm64/v8 x --signature=s y"));
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].options.platform, (Platform{"linux", "arm64", "v8"}));
  EXPECT_EQ(two[0].options.signature, "s");
  EXPECT_EQ(two[1].options.signature, "");
  EXPECT_EQ(error_of(request("")), "must provide at least one image");
  EXPECT_EQ(error_of(request("x -- a")), "image 'x': arguments make no sense for fetching");
  EXPECT_EQ(error_of(request("x --user=1")), "unknown flag '--user'");
  EXPECT_EQ(error_of(request("x --platform=linux")),
            "--platform: 'linux' is not a platform (as linux/amd64 or linux/arm/v7)");
}

}  // namespace
}  // namespace agena::stage0
