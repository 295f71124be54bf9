#include "stage1/run/supervisor.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "common/base/log.h"
#include "common/base/phase_timer.h"
#include "common/base/strings.h"
#include "common/base/trace.h"
#include "common/contract/env.h"
#include "common/contract/exit_codes.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/event_loop.h"
#include "common/sys/fs.h"
#include "common/sys/mount_plan.h"
#include "common/sys/notify.h"
#include "common/sys/pidfd.h"
#include "common/sys/signals.h"
#include "common/sys/spawn.h"
#include "common/sys/unix_socket.h"
#include "stage1/life/stop_rules.h"
#include "stage1/run/pod_init.h"
#include "stage1/run/selinux.h"
#include "stage1/units/pod_units.h"
#include "stage1/units/socket_units.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

// rkt's systemd flavour asks for a clean end by this signal (systemd(1): SIGRTMIN+3 starts halt.target).
int halt_signal() { return SIGRTMIN + 3; }

std::vector<std::string> init_argv(contract::EntrypointCall call) {
  if (trace::enabled()) call.options.insert_or_assign("trace-fd", std::to_string(kInitTrace));
  // pod-init takes the options of `run`; the table renders them in the newest version.
  auto rendered = contract::render_call(contract::Entrypoint::kRun, call, contract::kInterfaceVersion);
  std::vector<std::string> argv = {"pod-init"};
  if (rendered) argv.insert(argv.end(), rendered->argv.begin(), rendered->argv.end());
  return argv;
}

std::vector<sys::SpawnPlan::FdMove> init_fds(const sys::UniqueFd& channel) {
  std::vector<sys::SpawnPlan::FdMove> fds = {{channel.get(), kInitChannel}};
  if (trace::enabled()) fds.push_back({trace::descriptor(), kInitTrace});
  return fds;
}

std::uint64_t namespaces_of(const RunOptions& options) {
  std::uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS;
  if (!options.share_ipc) flags |= CLONE_NEWIPC;
  if (!options.network.is_hosts()) flags |= CLONE_NEWNET;
  return flags;
}

// /run of the pod, with the sockets in it. Made by us and not by pod-init, so that the hub is there before
// anybody asks for it.
Result<> mount_run(const sys::DirFd& root, const RunOptions& options) {
  sys::MountPlan plan = {
      {.kind = sys::MountKind::kFilesystem,
       .target = "run",
       .type = "tmpfs",
       .options = {{"mode", "755"}},
       .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV},
      {.kind = sys::MountKind::kDirectory, .target = "run/agena", .mode = 0700},
      // systemd watches this directory for password queries, which nobody answers here; a dangling link
      // spares it the watch, whose end costs a grace period in the kernel (13 ms).
      {.kind = sys::MountKind::kSymlink, .target = "run/systemd/ask-password", .source = "/nonexistent"}};
  // What is mounted here belongs to the host's root, unless said otherwise.
  if (const auto& users = options.private_users)
    for (const char* owner : {"uid", "gid"})
      plan.front().options.emplace_back(owner, std::to_string(users->first));
  return sys::run_mount_plan(root, with_selinux_context(plan, options.selinux_mount_context));
}

// Each app has some descriptors here.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// What pod-init of a pod with a user namespace of its own finds made.
Result<> prepare_for_users(const sys::DirFd& root, const Pod& pod, const PodUsers& users,
                           const PodCgroup& cgroup) {
  const sys::MountPlan plan =
      with_selinux_context(TRY(host_part_of_plans(pod)), pod.options.selinux_mount_context);
  TRY(sys::run_mount_plan({root, root, &users.user_namespace()}, plan));
  return cgroup.delegate_to(users.ids().first);
}

}  // namespace

Result<> Supervisor::start(const contract::EntrypointCall& call) {
  signals_ = TRY(sys::open_signalfd({SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGWINCH}));
  TRY(mount_run(root_, pod_.options));
  if (users_ != nullptr) {
    // With the apps that a mutable pod has from an earlier run.
    const Pod whole = TRY(load_pod(pod_dir_, call));
    TRY(prepare_for_users(root_, whole, *users_, cgroup_));
  }
  TRY(life_.open());
  TRY(open_hub());
  notify_ = TRY(sys::listen_notify(root_, "run/agena/notify"));
  auto [ours, theirs] = TRY(sys::seqpacket_pair());
  const sys::UniqueFd self = TRY(sys::open_at(sys::at_cwd(), "/proc/self/exe", O_PATH));
  timer_.end_phase("supervisor set up");
  init_.emplace(TRY_CTX(sys::spawn({.path = {},
                                    .program = &self,
                                    .argv = init_argv(call),
                                    .environment = {},
                                    .namespaces = namespaces_of(pod_.options),
                                    .user_ids = pod_.options.private_users,
                                    .cgroup = &cgroup_.dir(),
                                    .fds = init_fds(theirs),
                                    .join = {},
                                    // The working directory is inherited: a descriptor of ours would lead
                                    // back into our mount namespace.
                                    .death_signal = SIGKILL}),
                        "starting the pod's first process"));
  raise_descriptor_limit();  // the pod's processes keep theirs
  // Neither plugins of networks nor others whom we start need to know it.
  ::unsetenv(contract::env::kMdsToken);  // NOLINT(concurrency-mt-unsafe): this program has one thread
  TRY(cgroup_.place_first(init_->pid()));
  timer_.end_phase("namespaces made");
  life_.attach({&cgroup_.dir(), init_->pid()});
  theirs.reset();
  // Before the write that waits below: pod-init needs them first.
  if (auto networks = set_up_networks(ours); !networks) {
    init_.reset();  // before it sees that nobody will answer it
    return networks;
  }
  // kCgroupReady, or end of file when pod-init failed; its end is noticed by the loop.
  if (auto ready = sys::receive_message(ours.get(), 1, 10 * kSecond);
      !ready && ready.error().kind() != ErrorKind::kBusy && ready.error().sys_errno() != ECONNRESET) {
    init_.reset();  // before it says that nobody waits for it
    return std::unexpected(std::move(ready).error().with_context("waiting for the pod's first process"));
  }
  keep_warm(kWarmTimes);
  timer_.end_phase("cgroup ready");
  host_.register_pod(loop_, init_->pid());
  return {};
}

// While pod-init mounts; it waits for this before it comes to the apps.
Result<> Supervisor::set_up_networks(const sys::UniqueFd& channel) {
  if (pod_.options.network.kind != NetworkChoice::Kind::kPod) return {};
  NetworkFacts facts = TRY_CTX(network_.set_up(init_->pid()), "failed to setup network");
  if (!pod_.options.mds_token.empty()) facts.host_address = TRY(find_host_address(facts.gateways));
  apply_network_facts(std::move(facts), pod_);
  if (!pod_.options.mds_token.empty() && pod_.options.metadata_url.empty())
    return fail(
        ErrorKind::kUnsupported,
        "the metadata service cannot be reached: no network of the pod has a gateway that is this host");
  timer_.end_phase("networks");
  auto told = sys::send_message(channel.get(), TRY(render_network_facts(pod_.network)));
  // A pod-init that has failed meanwhile is noticed by the loop; one that lives would wait for ever.
  if (!told && (told.error().sys_errno() == EPIPE || told.error().sys_errno() == ECONNRESET)) return {};
  TRY_CTX(std::move(told), "telling the pod of its networks");
  return {};
}

Result<> Supervisor::open_hub() {
  const bool console_is_journal = leads_into_journal(STDOUT_FILENO, std::getenv("JOURNAL_STREAM"));
  hub_ = TRY(Hub::open(loop_,
                       {.listener = TRY(sys::listen_seqpacket(root_, "run/agena/hub", 0600)),
                        .console = STDOUT_FILENO,
                        .pod_dir = pod_dir_,
                        .root = root_,
                        .apps = TRY(stream_settings(pod_, console_is_journal)),
                        .root_user = users_ == nullptr ? 0 : users_->ids().first},
                       hub_events()));
  if (!pod_.options.is_mutable) return {};
  apps_ = TRY(MutableApps::open(
      {.loop = loop_,
       .pod_dir = pod_dir_,
       .root = root_,
       .pod = pod_,
       .users = users_,
       .cgroup = cgroup_,
       .devices = devices_,
       .ends = ends_,
       .life = life_,
       .hub = *hub_,
       .ports = pod_.options.network.kind == NetworkChoice::Kind::kPod ? &network_.ports() : nullptr,
       .console_is_journal = console_is_journal},
      {.renew = [this](const std::string& app) { oom_kills_[app].renew(); },
       .account = [this](const std::string& app, int code) { return account(app, code); }}));
  return {};
}

// One write keeps later ones from waiting for about a grace period, and systemd's come 5 to 30 ms after the
// start.
void Supervisor::keep_warm(int times) {
  constexpr Nanoseconds kPause = 4'000'000;
  cgroup_.warm_up();
  if (times == 1) return;
  loop_.set_deadline(monotonic_now() + kPause, [this, times]() -> Result<> {
    if (!ready_) keep_warm(times - 1);
    return {};
  });
}

// --timeout: counts from here, where the pod begins to live.
void Supervisor::limit_time() {
  if (!pod_.options.timeout) return;
  (void)loop_.add_timer(monotonic_now() + *pod_.options.timeout, [this]() -> Result<> {
    timed_out_ = !stopping_ && !killed_;
    if (timed_out_) log::warning("the pod's time (--timeout) is over: it is stopped");
    return stop("its time is over");
  });
}

Result<> Supervisor::watch() {
  limit_time();
  notifier_.answer_watchdog();
  TRY(loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { return on_signal(signals_); }));
  TRY(loop_.add(notify_.get(), EPOLLIN, [this](std::uint32_t) { return on_notify(); }));
  TRY(loop_.add(init_->fd().get(), EPOLLIN, [this](std::uint32_t) { return on_pod_end(); }));
  return loop_.run();
}

HubEvents Supervisor::hub_events() {
  return {
      .hello = [this](const stage2::HubHello& hello, pid_t process) -> Result<> {
        if (!ends_.knows(hello.app)) return fail(ErrorKind::kNotFound, "the pod has no app '{}'", hello.app);
        if (ends_.has_ended(hello.app) && !ends_.has_started(hello.app))
          return fail(ErrorKind::kBusy, "the pod is being stopped");
        timer_.reach("app '" + hello.app + "' starts");
        rows_.hello(hello, process);
        ends_.note_start(hello.app);
        TRY(cgroup_.place_app(hello.app, process));
        if (hello.role == stage2::Role::kApp) TRY(life_.begin(hello.app, process));
        return repeat_halt();
      },
      .failed = [this](const stage2::HubFailed& failed) -> Result<> {
        log::write(log::Level::kError, failed.text);
        if (apps_) apps_->failed(failed);
        return {};
      },
      .steps = [](const stage2::HubSteps& steps, pid_t process) { AppRows::steps(steps, process); },
      .launched = [this](const std::string& app) -> Result<> {
        rows_.launched(app);
        return apps_ ? apps_->launched(app) : Result<>();
      },
      .admit = [this](const stage2::HubAdmit& admit) -> Result<> {
        if (!ends_.knows(admit.app)) return fail(ErrorKind::kNotFound, "the pod has no app '{}'", admit.app);
        return life_.ask_admission(admit.app);
      },
      .ended = [this](const stage2::HubEnded& ended) { return on_ended(ended); },
      .stop = [this] { return stop("its systemd was asked to power off"); },
      .manager = [this](sys::UniqueFd connection) -> Result<> {
        if (!apps_) return fail(ErrorKind::kUnsupported, "the pod's apps do not change");
        return apps_->manager().connected(std::move(connection));
      },
      .sockets = [this](const std::string& app) { return sockets_.of(app); },
      .terminal = [this] { return open_terminal(); },
      .devpts = [this] { return open_devpts(); },
      .drained = [this] { return quit_if_done(); },
  };
}

LifeEvents Supervisor::life_events() {
  return {.admit = [this](const std::string& app, bool start) { return hub_->answer_admission(app, start); },
          .readiness = [this] { return tell_if_ready(); }};
}

// The pod's devpts, so that an app sees its terminal as /dev/pts/N.
Result<sys::DirFd> Supervisor::open_devpts() const {
  return sys::open_dir(sys::at_cwd(), fmt::format("/proc/{}/root/dev/pts", init_->pid()), O_PATH);
}

Result<sys::UniqueFd> Supervisor::open_terminal() {
  if (terminal_) return fail(ErrorKind::kAlreadyExists, "the terminal is taken");
  const sys::DirFd devpts = TRY(open_devpts());
  terminal_ =
      TRY(Terminal::open(loop_, devpts, [this] { return kill(); }, [this] { return quit_if_done(); }));
  return terminal_->take_slave();
}

// A disk that is full (of the apps' logs, perhaps) must not keep the pod from ending.
void Supervisor::record_end(const std::string& app, int code) const {
  if (const auto written = contract::write_app_status(root_, app, code); !written)
    log::warning("the exit code {} of app '{}' is not recorded: {}", code, app, written.error().to_string());
}

Result<> Supervisor::on_ended(const stage2::HubEnded& ended) {
  if (!ends_.knows(ended.app)) return fail(ErrorKind::kNotFound, "the pod has no app '{}'", ended.app);
  // What systemd says of a service that was stopped while its restart was put off, is of the run before.
  if (ends_.has_ended(ended.app)) return {};
  // A start that has been ordered since has nothing to do with the run that this is about.
  if (ended.again && apps_ && !ends_.has_started(ended.app)) return {};
  // The service asked whether it may start after its last end, and was told no; that says nothing of a start
  // that has been ordered since.
  const bool refused = ended.service_result == "exec-condition" && !ends_.has_started(ended.app);
  if (refused && apps_ && !stopping_ && !apps_->is_stopping(ended.app)) return {};
  const bool asked = stopping_ || (apps_ && apps_->is_stopping(ended.app));
  const int code = exit_code_of(ended, asked ? stop_signal_of(app_named(ended.app)) : 0);
  rows_.ended(ended.app);
  note_oom_kills(ended.app);
  log::debug("app '{}' ended: {} {} {}", ended.app, ended.service_result, ended.exit_code, ended.exit_status);
  if (code != 0 && !asked && !refused && !ends_.has_started(ended.app) && !ended.exit_code.empty())
    log::write(log::Level::kError,
               fmt::format("cannot start app '{}': its start ended with {} before it could say why",
                           ended.app, code));
  const auto final_code = TRY(life_.end(ended.app, code, signal_of(ended)));
  if (final_code) return account(ended.app, *final_code);
  if (apps_) apps_->put_off(ended.app, code);
  return {};
}

// An app has ended for good.
Result<> Supervisor::account(const std::string& app, int code) {
  record_end(app, code);
  timer_.reach(fmt::format("app '{}' ended with {}", app, code));
  hub_->end_app(app);
  const bool first_failure = ends_.note(app, code);
  if (apps_) TRY(apps_->ended(app, code));
  if (ends_.all_ended() && may_end()) return kill();
  return first_failure ? stop("an app has failed") : Result<>();
}

// A mutable pod waits for more apps.
bool Supervisor::may_end() const { return !apps_ || stopping_; }

const PodApp& Supervisor::app_named(const std::string& name) const {
  if (apps_) return apps_->app(name);
  return *std::ranges::find(pod_.apps, name, &PodApp::name);
}

// Before the exit code, so that whoever sees that sees this. What cannot be counted or recorded must not keep
// the end from being told: the app's service would start again and again, or the pod wait for ever.
void Supervisor::note_oom_kills(const std::string& app) {
  if (const auto noted = count_oom_kills(app); !noted)
    log::warning("processes of app '{}' that the kernel has killed for want of memory are not recorded: {}",
                 app, noted.error().to_string());
}

Result<> Supervisor::count_oom_kills(const std::string& app) {
  OomCounter& counter = oom_kills_[app];
  const std::uint64_t more = counter.more(TRY(cgroup_.oom_kills(app)));
  if (more == 0) return {};
  log::warning("app '{}' ran out of memory: the kernel killed {} of its processes", app, more);
  return contract::write_oom_kills(root_, app, counter.total());
}

Result<> Supervisor::on_signal(const sys::UniqueFd& signals) {
  const auto signal = TRY(sys::next_signal(signals));
  if (!signal) return {};
  if (*signal == SIGWINCH) {
    if (terminal_) terminal_->copy_window_size();
    return {};
  }
  if (killed_) {
    hurry();
    return {};
  }
  if (!stopping_) return stop("asked to stop");
  // Somebody at a terminal who does not want to wait. Others who ask again (a second `stop`, a closed
  // terminal's shell beside the kernel) do not mean to take the apps' grace period; the deadline runs, and
  // --force kills.
  return *signal == SIGINT || *signal == SIGQUIT ? kill() : Result<>();
}

// The pod has ended but for what it has written: whoever should read that gets a moment more.
void Supervisor::hurry() {
  if (hurry_until_ != INT64_MAX) return;
  hurry_until_ = monotonic_now() + OutputQueue::kHurry;
  (void)loop_.add_timer(hurry_until_, [this]() -> Result<> {
    if (terminal_) TRY(terminal_->drop_output());
    return hub_->drop_output();
  });
}

Result<> Supervisor::on_notify() {
  const std::string state = TRY(sys::receive_notify(notify_));
  for (const std::string& line : split(state, '\n')) {
    if (line != "READY=1") continue;
    timer_.reach("pod ready");
    AppRows::systemd_started(init_->pid());
    if (apps_ && !ready_) TRY(apps_->serve(init_->pid()));
    ready_ = true;
    TRY(repeat_halt());
    TRY(tell_if_ready());
  }
  return {};
}

// Once the pod's systemd runs and the apps that are waited for are ready; once is enough.
Result<> Supervisor::tell_if_ready() {
  if (!ready_ || told_ready_ || stopping_ || !life_.all_ready()) return {};
  told_ready_ = true;
  if (auto made = sys::make_symlink(paths::kSupervisorReady, root_, paths::kSupervisorStatus); !made) {
    // Whoever has started a pod for apps to come waits for this.
    if (apps_ && apps_->empty())
      return std::unexpected(std::move(made).error().with_context("recording that the pod is ready"));
    // As with ends: a disk that is full must not keep the pod from going on.
    log::warning("that the pod is ready is not recorded: {}", made.error().to_string());
  }
  notifier_.tell("READY=1\nSTATUS=running");
  return {};
}

// systemd stops the apps, each in its grace period; the deadline is for a systemd that does not.
Result<> Supervisor::stop(const char* why) {
  if (stopping_ || killed_) return {};
  stopping_ = true;
  log::debug("stopping the pod: {}", why);
  notifier_.tell(fmt::format("STOPPING=1\nSTATUS=stopping: {}", why));
  const Nanoseconds patience = std::max(stop_patience(pod_), apps_ ? apps_->patience() : 0);
  loop_.set_deadline(monotonic_now() + patience, [this] {
    log::debug("the pod did not end in time");
    return kill();
  });
  give_up_unstarted();
  for (const auto& [app, code] : TRY(life_.stop())) TRY(account(app, code));
  if (ends_.all_ended()) return kill();
  return killed_ ? Result<>() : sys::send_signal(init_->fd(), halt_signal());
}

// Apps that wait for their first connection: nobody would report their end, and they may not begin any more.
void Supervisor::give_up_unstarted() {
  if (apps_) apps_->stop();
  for (const PodApp& app : pod_.apps)
    if (listens_in_pod(pod_, app) && !ends_.has_started(app.name())) (void)ends_.note(app.name(), 0);
}

// The kernel drops a signal for PID 1 of a namespace that has no handler for it, as systemd has none while it
// starts. So a stop that came early is said again when systemd shows that it runs.
Result<> Supervisor::repeat_halt() {
  if (!stopping_ || killed_) return {};
  return sys::send_signal(init_->fd(), halt_signal());
}

// Everything that matters is recorded, or cannot be: PID 1 takes all processes of the pod along.
Result<> Supervisor::kill() {
  if (killed_) return {};
  killed_ = true;
  loop_.clear_deadline();
  quick_end_ = QuickEnd::take(init_->fd(), init_->pid());
  TRY(sys::send_signal(init_->fd(), SIGKILL));
  host_.unregister_pod();
  return {};
}

Result<> Supervisor::on_pod_end() {
  loop_.remove(init_->fd().get());
  init_end_ = TRY(init_->wait());
  host_.unregister_pod();
  timer_.reach("pod's processes gone");
  // All that they have written is there to be read. Others whom they gave their streams may hold them open.
  TRY(hub_->close_streams());
  if (terminal_ && !terminal_->closed()) TRY(terminal_->finish());
  return quit_if_done();
}

// The pod's processes are gone, and what they have written has been read.
Result<> Supervisor::quit_if_done() {
  if (init_end_ && hub_->drained() && (!terminal_ || terminal_->closed())) loop_.quit();
  return {};
}

// Apps that died with PID 1, without a word from their recorder.
void Supervisor::account_for_killed() {
  const int code = contract::exit_code_of_signal(SIGKILL);
  for (const std::string& app : ends_.unaccounted()) {
    record_end(app, code);
    (void)ends_.note(app, code);
  }
}

std::unexpected<Error> Supervisor::unexpected_end() const {
  Error error(ErrorKind::kSystem,
              fmt::format("the pod's systemd ended unexpectedly: {} {}",
                          init_end_->signalled ? "killed by signal" : "exit code", init_end_->value));
  if (!ready_ && !init_end_->signalled)
    return std::unexpected(std::move(error).with_hint(
        "systemd cannot start when inotify instances run out: sysctl fs.inotify.max_user_instances"));
  return std::unexpected(std::move(error));
}

Result<int> Supervisor::finish() {
  // A request that comes from here on is one not to wait for whoever should read the console.
  const OutputQueue::Patience patience{.hurry = signals_.get(), .until = hurry_until_};
  TRY(hub_->flush(patience));
  if (terminal_) TRY(terminal_->flush(patience));
  terminal_.reset();
  const bool expected = killed_ || stopping_ || (ends_.all_ended() && may_end());
  account_for_killed();
  if (timed_out_) return int{contract::kExitTimeout};
  if (expected) return ends_.pod_code();
  // pod-init says itself what it could not do.
  if (!ready_ && !init_end_->signalled && init_end_->value == contract::kExitFailure)
    return int{contract::kExitFailure};
  return unexpected_end();
}

}  // namespace agena::stage1
