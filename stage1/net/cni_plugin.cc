#include "stage1/net/cni_plugin.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fd.h"
#include "common/sys/fs.h"
#include "common/sys/spawn.h"
#include "stage1/net/plugin_cgroup.h"

namespace agena::stage1 {
namespace {

using json_text::Json;

constexpr std::size_t kMostOutput = 1U << 20U;
// Of stderr the end is kept: the reason comes last.
constexpr std::size_t kMostDiagnostics = 4096;
// Of a foreign message, as much as is shown.
constexpr std::size_t kMostShown = 2000;

// What a plugin's process has answered.
struct Answer {
  sys::ExitStatus status;
  std::string output;
  std::string diagnostics;
};

std::string shown(std::string_view text) {
  const std::string_view start = utf8_prefix(text, kMostShown);
  return printable(start) + (start.size() < text.size() ? "…" : "");
}

// The caller's, in which the plugin finds its own helpers (PATH), with the order in place of any other one.
std::vector<std::string> environment_of(const PluginCall& call) {
  std::vector<std::string> all;
  bool has_path = false;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("CNI_")) continue;
    has_path = has_path || text.starts_with("PATH=");
    all.emplace_back(text);
  }
  // portmap and firewall look for iptables.
  if (!has_path) all.emplace_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  all.push_back("CNI_COMMAND=" + call.command);
  all.push_back("CNI_CONTAINERID=" + call.container_id);
  all.push_back("CNI_NETNS=" + call.netns);
  all.push_back("CNI_IFNAME=" + call.interface);
  all.push_back("CNI_ARGS=" + call.args);
  all.push_back("CNI_PATH=" + join(call.dirs, ":"));
  if (!call.version.empty()) all.push_back("CNI_VERSION=" + call.version);
  return all;
}

// A file in memory: unlike a pipe it takes a configuration of any size from a plugin that never reads it.
Result<sys::UniqueFd> input_of(std::string_view text) {
  sys::UniqueFd file(::memfd_create("cni-conf", MFD_CLOEXEC));
  if (!file) return sys_fail("creating a file in memory");
  TRY(sys::write_all(file.get(), text));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return sys_fail("rewinding a file in memory");
  return file;
}

// One of the plugin's streams.
class Stream {
 public:
  static Result<Stream> make() {
    sys::Pipe pipe = TRY(sys::make_pipe());
    if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return sys_fail("preparing a plugin's output");
    Stream stream;
    stream.pipe_ = std::move(pipe);
    return stream;
  }

  int write_end() const { return pipe_.write.get(); }
  void close_write_end() { pipe_.write.reset(); }
  // -1 at its end, which poll(2) passes over.
  int read_end() const { return pipe_.read.get(); }
  const std::string& text() const { return text_; }
  void keep_end(std::size_t most) {
    if (text_.size() > most) text_.erase(0, text_.size() - most);
  }

  // Takes what is there; closes the stream at its end.
  void drain(std::size_t most) {
    std::array<char, 16384> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
    while (pipe_.read && text_.size() <= most) {
      const ssize_t n = ::read(pipe_.read.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return pipe_.read.reset();
      text_.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

 private:
  sys::Pipe pipe_;
  std::string text_;
};

// The plugin has started helpers (IPAM plugins, iptables), which end with it.
void kill_all(const sys::Child& child) { (void)::kill(-child.pid(), SIGKILL); }

// Reads until the plugin ends. A daemon that it left behind may hold the streams open for ever, so their end
// is not waited for.
Result<> listen(const PluginCall& call, const sys::Child& child, Stream& output, Stream& diagnostics) {
  Nanoseconds end = monotonic_now() + call.time_limit;
  int end_request = call.control.end_request;
  while (true) {
    std::array<pollfd, 4> fds = {pollfd{child.fd().get(), POLLIN, 0}, pollfd{output.read_end(), POLLIN, 0},
                                 pollfd{diagnostics.read_end(), POLLIN, 0}, pollfd{end_request, POLLIN, 0}};
    const Nanoseconds left = std::max<Nanoseconds>(end - monotonic_now(), 0);
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(left / 1'000'000) + 1);
    if (ready < 0 && errno != EINTR) return sys_fail("waiting for a plugin");
    output.drain(kMostOutput);
    diagnostics.drain(kMostOutput);
    diagnostics.keep_end(kMostDiagnostics);
    if (output.text().size() > kMostOutput)
      return fail(ErrorKind::kInvalidInput, "it printed more than {} bytes", kMostOutput);
    if (ready > 0 && fds[0].revents != 0) {
      // Printed between the reading above and its end.
      output.drain(kMostOutput);
      diagnostics.drain(kMostOutput);
      diagnostics.keep_end(kMostDiagnostics);
      return {};
    }
    if (ready > 0 && fds[3].revents != 0) {
      end_request = -1;
      end = std::min(end, monotonic_now() + call.control.patience);
    }
    if (monotonic_now() < end) continue;
    if (end_request != call.control.end_request)
      return fail(ErrorKind::kBusy, "it was interrupted, because the pod is to end");
    return fail(ErrorKind::kBusy, "it did not end within {} seconds", call.time_limit / kSecond);
  }
}

Result<Answer> run_plugin(const PluginCall& call, const std::string& path) {
  const sys::UniqueFd input = TRY(input_of(call.conf));
  Stream output = TRY(Stream::make());
  Stream diagnostics = TRY(Stream::make());
  // What it writes by a relative path must not get into the pod directory.
  const sys::DirFd root = TRY(sys::open_dir("/"));
  PluginCgroup* cgroup = call.control.cgroup;
  sys::Child child = TRY(sys::spawn({.path = path,
                                     .argv = {path},
                                     .environment = environment_of(call),
                                     .cgroup = cgroup == nullptr ? nullptr : cgroup->dir(),
                                     .fds = {{input.get(), STDIN_FILENO},
                                             {output.write_end(), STDOUT_FILENO},
                                             {diagnostics.write_end(), STDERR_FILENO}},
                                     .join = {},
                                     .directory = &root,
                                     .own_process_group = true,
                                     .death_signal = SIGKILL}));
  output.close_write_end();
  diagnostics.close_write_end();
  if (auto heard = listen(call, child, output, diagnostics); !heard) {
    kill_all(child);
    if (cgroup != nullptr) cgroup->kill_rest();
    return std::unexpected(std::move(heard).error());
  }
  const sys::ExitStatus status = TRY(child.wait());
  if (cgroup != nullptr) status.success() ? cgroup->spare_rest() : cgroup->kill_rest();
  return Answer{status, output.text(), diagnostics.text()};
}

// The error that a plugin has to print: {"code": N, "msg": …, "details": …}; nullopt if it printed another
// thing.
std::optional<std::string> told_error(const std::string& output) {
  const auto root = json_text::parse(output);
  if (!root || !root->is_object()) return std::nullopt;
  JsonProblems problems("error");
  const JsonNode node(*root, problems);
  const auto text_of = [&](std::string_view key) -> std::string {
    const auto member = node.find(key);
    return member ? member->as_string().value_or("") : "";
  };
  const std::string message = text_of("msg");
  const std::string details = text_of("details");
  if (message.empty() && details.empty()) return std::nullopt;
  const std::string separator = message.empty() || details.empty() ? "" : ": ";
  return shown(message) + separator + shown(details);
}

std::string describe_end(const sys::ExitStatus& status) {
  return status.signalled ? fmt::format("it was killed by signal {}", status.value)
                          : fmt::format("it ended with status {}", status.value);
}

// How a plugin failed, in its own words where it has some.
Error failure_of(const std::string& path, const Answer& answer) {
  const auto error = [&](ErrorKind kind, const std::string& reason) {
    return Error(kind, fmt::format("plugin '{}': {}", path, reason));
  };
  if (const auto told = told_error(answer.output)) return error(kPluginsOwnWords, *told);
  const std::string_view diagnostics = trim(answer.diagnostics);
  const std::string_view output = trim(answer.output);
  const std::string end = describe_end(answer.status);
  if (!diagnostics.empty()) return error(ErrorKind::kSystem, end + ": " + shown(diagnostics));
  if (!output.empty()) return error(ErrorKind::kSystem, end + ": " + shown(output));
  return error(ErrorKind::kSystem, end + " and told no reason");
}

}  // namespace

Result<std::string> find_plugin(const std::string& type, const std::vector<std::string>& dirs) {
  for (const std::string& dir : dirs) {
    std::string path = fmt::format("{}/{}", dir, type);
    const auto st = sys::stat_at(sys::at_cwd(), path, 0);
    if (st && S_ISREG(st->st_mode) && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::unexpected(Error(ErrorKind::kNotFound,
                               fmt::format("there is no plugin '{}' in {}", printable(type), join(dirs, ":")))
                             .with_hint("the package containernetworking-plugins has the usual ones"));
}

Result<std::string> call_plugin(const PluginCall& call) {
  const std::string path = TRY(find_plugin(call.type, call.dirs));
  log::debug("CNI {}: '{}', interface '{}' of '{}'", call.command, path, call.interface, call.netns);
  Answer answer = TRY_CTX(run_plugin(call, path), "plugin '{}'", path);
  if (!answer.status.success()) return std::unexpected(failure_of(path, answer));
  if (const std::string_view notes = trim(answer.diagnostics); !notes.empty())
    log::debug("plugin '{}': {}", path, shown(notes));
  return std::move(answer.output);
}

}  // namespace agena::stage1
