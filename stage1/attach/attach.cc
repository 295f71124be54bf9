#include "stage1/attach/attach.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/unix_socket.h"
#include "stage1/attach/session.h"
#include "stage1/iohub/attach_protocol.h"

namespace agena::stage1 {
namespace {

// Generous: the supervisor answers at once unless the machine is very busy.
constexpr Nanoseconds kPatience = 30 * kSecond;

Result<sys::UniqueFd> connect() {
  auto socket = sys::connect_seqpacket(sys::at_cwd(), contract::pod_paths::kAttach, kPatience);
  if (socket) return socket;
  if (socket.error().sys_errno() == ENOENT)
    return fail(
        ErrorKind::kInvalidInput,
        "no app of the pod can be attached (it takes --stdin, --stdout or --stderr with the mode stream "
        "or tty)");
  if (socket.error().sys_errno() == ECONNREFUSED)
    return fail(ErrorKind::kNotFound, "the pod's supervisor is gone");
  return socket;
}

// Opens streams, or with none just asks; the answer is what the app has.
Result<AttachStreams> open_streams(const sys::UniqueFd& socket, const AttachStreams& wanted) {
  TRY(sys::send_message(socket.get(), attach_message(AttachKind::kOpen, render_attach_streams(wanted))));
  const auto answer = TRY(sys::receive_message(socket.get(), kMaxAttachMessage, kPatience));
  if (!answer) return fail(ErrorKind::kNotFound, "the pod's supervisor is gone");
  const AttachMessage message = TRY(read_attach_message(answer->bytes));
  if (message.kind == AttachKind::kRefused)
    return fail(ErrorKind::kInvalidInput, "{}", printable(message.data));
  if (message.kind != AttachKind::kOpened) return fail(ErrorKind::kInternal, "attach: unexpected answer");
  return parse_attach_streams(message.data);
}

Result<std::vector<AttachStream>> streams_of_app(const std::string& app) {
  const AttachStreams there = TRY(open_streams(TRY(connect()), {app, {}}));
  return there.streams;
}

std::vector<AttachStream> streams_of_call(const contract::EntrypointCall& call) {
  std::vector<AttachStream> streams;
  for (const AttachStream stream : {AttachStream::kStdin, AttachStream::kStdout, AttachStream::kStderr,
                                    AttachStream::kTtyIn, AttachStream::kTtyOut})
    if (call.flag(name_of(stream))) streams.push_back(stream);
  return streams;
}

Result<int> join(const std::string& app, std::vector<AttachStream> streams) {
  if (streams.empty()) return fail(ErrorKind::kInvalidInput, "no stream of app '{}' can be attached", app);
  sys::UniqueFd socket = TRY(connect());
  const AttachStreams wanted{app, std::move(streams)};
  TRY(open_streams(socket, wanted));
  return run_attach_session(std::move(socket), wanted);
}

Result<int> attach_all(const contract::EntrypointCall& call) {
  const std::string app = call.value("app");
  return join(app, TRY(streams_of_app(app)));
}

Result<int> attach_some(const contract::EntrypointCall& call) {
  return join(call.value("app"), streams_of_call(call));
}

Result<int> list(const contract::EntrypointCall& call) {
  std::string names;
  for (const AttachStream stream : TRY(streams_of_app(call.value("app"))))
    names += std::string(name_of(stream)) + "\n";
  TRY(sys::write_all(STDOUT_FILENO, names));
  return 0;
}

struct Action {
  std::string_view name;
  Result<int> (*run)(const contract::EntrypointCall&);
};
constexpr std::array kActions = {Action{"auto-attach", attach_all}, Action{"custom-attach", attach_some},
                                 Action{"list", list}};
static_assert(sorted_by_name(kActions));

}  // namespace

Result<int> attach(const contract::EntrypointCall& call) {
  const Action* action = find_by_name(kActions, call.value("action"));
  if (action == nullptr)
    return fail(ErrorKind::kInvalidInput, "--action: unknown action '{}'", printable(call.value("action")));
  return action->run(call);
}

}  // namespace agena::stage1
