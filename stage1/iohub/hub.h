// The I/O hub: hands out the apps' standard streams, carries what they print to the console and the logs, and
// hears how apps begin and end.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/stage2/hub_protocol.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/listener.h"
#include "common/sys/pidfd.h"
#include "stage1/iohub/app_input.h"
#include "stage1/iohub/app_log.h"
#include "stage1/iohub/attach_server.h"
#include "stage1/iohub/line_splitter.h"
#include "stage1/iohub/output_queue.h"
#include "stage1/iohub/stream_settings.h"
#include "stage1/run/listen_sockets.h"

namespace agena::stage1 {

// Where the apps' syslog sockets are, in the stage1 root; each is mounted as its app's /dev/log.
inline constexpr const char* kSyslogDir = "run/agena/log";

// What the hub tells its owner. All may be called from within the event loop only.
struct HubEvents {
  // Before the program is answered. `process` is the program's, in our pid namespace.
  std::function<Result<>(const stage2::HubHello&, pid_t process)> hello;
  std::function<Result<>(const stage2::HubFailed&)> failed;
  // What a program of an app has done up to shortly before its exec; `process` as above.
  std::function<void(const stage2::HubSteps&, pid_t process)> steps = {};  // none where nobody traces
  // The app's own program was executed.
  std::function<Result<>(const std::string& app)> launched = {};  // none where nobody waits for it
  // An app may start, or not: answered by answer_admission(), now or later.
  std::function<Result<>(const stage2::HubAdmit&)> admit;
  // Must have recorded the end when it returns: the recorder is answered then.
  std::function<Result<>(const stage2::HubEnded&)> ended;
  // The pod's systemd was asked to power off.
  std::function<Result<>()> stop;
  // The agent of a mutable pod has come; its connection is the owner's from here on.
  std::function<Result<>(sys::UniqueFd connection)> manager = {};  // none where there is no agent
  // Names and descriptors of the sockets that an app is started with.
  std::function<PassedSockets::OfApp(const std::string& app)> sockets;
  // A terminal for an interactive app.
  std::function<Result<sys::UniqueFd>()> terminal;
  // The pod's devpts, for terminals that the hub itself serves.
  std::function<Result<sys::DirFd>()> devpts;
  // No stream of any app is open any more.
  std::function<Result<>()> drained;
};

// What the hub works with; the directories and the descriptor of the console outlive it.
struct HubSetup {
  sys::UniqueFd listener;  // a listening SOCK_SEQPACKET socket
  int console;
  const sys::DirFd& pod_dir;
  const sys::DirFd& root;  // of stage1, with its /run mounted
  std::vector<StreamSettings> apps;
  uid_t root_user = 0;  // the pod's root as the host knows it, who alone may connect
};

class Hub {
 public:
  static Result<std::unique_ptr<Hub>> open(sys::EventLoop& loop, HubSetup setup, HubEvents events);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Whether everything that apps have written has been read.
  bool drained() const { return streams_.empty(); }
  // Answers the service of an app that asked whether it may start; nothing happens if none waits.
  Result<> answer_admission(const std::string& app, bool start);
  // An app comes into a running pod, or leaves it; then no program of it runs any more.
  Result<> add_app(StreamSettings settings);
  Result<> remove_app(const std::string& app);
  // An app that has ended is started once more.
  void renew_app(const std::string& app);
  // An app will not start again; whoever is attached to it is let go once its streams are closed.
  void end_app(const std::string& app);
  // When the pod has ended: takes what is still in sockets and writes what is queued. The console is waited
  // for as the caller says, others are not.
  Result<> flush(OutputQueue::Patience patience);
  // When the pod's processes are gone: takes what they have written, and closes all streams.
  Result<> close_streams();
  // Waits for the console no more.
  Result<> drop_output() { return console_.drop(); }

 private:
  struct App {
    App(Hub& hub, const sys::DirFd& pod_dir, StreamSettings app_settings);
    StreamSettings settings;
    AppLog log;
    AppInput input;
    sys::UniqueFd syslog;  // what the app sees as /dev/log
    sys::PidFd process;    // of apps that can be attached
    int pid = 0;           // of the program that started last, in the pod
    std::optional<AttachWindow> window;
    bool over = false;
  };
  // An open output of a program.
  struct Stream {
    sys::UniqueFd fd;
    App* app;
    LogStream kind;
    int pid;
    bool terminal;
    bool attachable;
    int full_reads;
    LineSplitter lines;
  };

  Hub(sys::EventLoop& loop, HubSetup& setup, HubEvents events);
  Result<> start();
  Result<> open_app(App& app);
  Result<> open_attach();
  Result<> open_syslog(App& app);
  Result<> on_syslog(App& app);
  Result<bool> read_syslog(App& app);
  Result<> drain_syslog(App& app);
  Result<App*> find_app(const std::string& name);
  Result<> resize(const std::string& name, const AttachWindow& window);
  void end_clients(const App& app);
  Journal* journal();
  Result<> accept();
  Result<> on_message(int connection);
  Result<> handle(int connection, const stage2::HubRequest& request);
  Result<> serve_manager(int connection);
  Result<> serve_admit(int connection, const stage2::HubAdmit& admit);
  Result<> serve_hello(int connection, const stage2::HubHello& hello);
  Result<sys::UniqueFd> open_stream(const stage2::HubHello& hello, stage2::HubStream stream);
  Result<sys::UniqueFd> open_input(App& app);
  Result<sys::UniqueFd> open_output(App& app, LogStream kind, const stage2::HubHello& hello);
  Result<sys::UniqueFd> open_terminal(App& app, int pid);
  Result<> add_stream(Stream stream);
  Result<> on_stream(int fd);
  Result<bool> read_stream(int fd);
  Result<> drain_stream(int fd);
  Result<> give(Stream& stream, std::string_view bytes);
  Result<> close_stream(int fd);
  Result<> pause_streams(bool pause);
  void close_connection(int connection);

  sys::EventLoop& loop_;
  sys::Listener listener_;
  HubEvents events_;
  const sys::DirFd& pod_dir_;
  const sys::DirFd& root_;
  uid_t root_user_;
  OutputQueue console_;
  std::unique_ptr<Journal> journal_;
  bool looked_for_journal_ = false;
  std::unique_ptr<AttachServer> attach_;  // where an app can be attached
  std::map<std::string, App, std::less<>> apps_;
  std::map<int, sys::UniqueFd> connections_;
  std::map<int, std::string> launching_;  // connections of apps' own programs that were given their streams
  std::map<std::string, int> waiting_;    // connections of apps that want to start
  std::map<int, Stream> streams_;
  std::unique_ptr<char[]> buffer_;  // NOLINT(cppcoreguidelines-avoid-c-arrays): uninitialised on purpose
  bool paused_ = false;
};

}  // namespace agena::stage1
