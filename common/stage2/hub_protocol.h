// Messages between the programs of a pod and the supervisor's I/O hub: one JSON object per SOCK_SEQPACKET
// message, with "version" and "type". Both directions encode and decode here.
//
//   stage2 ── hello ──▶ hub     answered by `streams`, with a descriptor for each stream asked for and for
//   each
//                               socket that the app is started with, or by `refused`; the connection closes
//                               when the program starts (close-on-exec)
//   stage2 ── failed ─▶ hub     on the same connection, if the program cannot be started; no answer
//   stage2 ── steps ──▶ hub     on the same connection, if the pod's start is traced; no answer
//   admission ─ admit ▶ hub     answered by `admitted` when the app may start, which may take as long as its
//                               restart is put off, or is not to be at all
//   recorder ─ ended ─▶ hub     answered by `recorded` once the app's status is on disk
//   stage2 ── stop ───▶ hub     the pod's systemd was asked to power off: the pod is to be stopped; no answer
//   agent ── manager ─▶ hub     the connection becomes the agent's, and is no longer the hub's (stage1/apps)
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/base/trace.h"
#include "common/stage2/launch_plan.h"

namespace agena::stage2 {

// Where the hub listens, in the pod's root.
inline constexpr const char* kHubSocket = "/run/agena/hub";
// Longest message of either side.
inline constexpr std::size_t kMaxHubMessage = 16U << 10U;

// What a starting program may ask for. kTty is one descriptor for all streams on the terminal.
enum class HubStream { kStdin, kStdout, kStderr, kTty };

// A program is about to start.
struct HubHello {
  std::string app;
  Role role = Role::kApp;
  pid_t pid = 0;                   // in the pod's pid namespace
  std::vector<HubStream> streams;  // no stream twice; may be empty
  bool operator==(const HubHello&) const = default;
};

// A program could not be started.
struct HubFailed {
  std::string app;
  Role role = Role::kApp;
  std::string text;  // one sentence for the user
  int exit_code = 0;
  bool operator==(const HubFailed&) const = default;
};

// What a starting program has done, for the trace.
struct HubSteps {
  std::vector<trace::Span> spans;  // kMostSteps at most
  bool operator==(const HubSteps&) const = default;
};
inline constexpr std::size_t kMostSteps = 64;

// An app's service ended; texts as systemd.exec(5) gives them in $SERVICE_RESULT, $EXIT_CODE ("exited",
// "killed", "dumped") and $EXIT_STATUS (number, or signal name without SIG). The latter two are empty if the
// main program never ran.
struct HubEnded {
  std::string app;
  std::string service_result;
  std::string exit_code;
  std::string exit_status;
  bool again = false;  // told before, unless who should have was killed
  bool operator==(const HubEnded&) const = default;
};

// The pod is to be stopped.
struct HubStop {
  bool operator==(const HubStop&) const = default;
};
// An app's service asks whether it may start now.
struct HubAdmit {
  std::string app;
  bool operator==(const HubAdmit&) const = default;
};

// The agent of a mutable pod is there, and takes orders for the pod's systemd on this connection.
struct HubManager {
  bool operator==(const HubManager&) const = default;
};

using HubRequest = std::variant<HubHello, HubFailed, HubEnded, HubStop, HubAdmit, HubManager, HubSteps>;

// Answer to hello: the message carries as many descriptors as streams and then sockets, in this order.
struct HubStreams {
  std::vector<HubStream> streams;
  // Names of the sockets that the host's service manager passed for this app (FileDescriptorName=).
  std::vector<std::string> sockets = {};
  bool operator==(const HubStreams&) const = default;
};
// Answer to ended.
struct HubRecorded {
  bool operator==(const HubRecorded&) const = default;
};
// Answer to admit: whether the app is to start.
struct HubAdmitted {
  bool start = false;
  bool operator==(const HubAdmitted&) const = default;
};
// Answer to any, when the hub cannot serve it.
struct HubRefused {
  std::string text;
  bool operator==(const HubRefused&) const = default;
};

using HubReply = std::variant<HubStreams, HubRecorded, HubRefused, HubAdmitted>;

// Message bytes. Texts that are not UTF-8 or too long for a message are made printable and cut, never
// refused: a failure report must arrive.
std::string render_hub_request(const HubRequest& request);
std::string render_hub_reply(const HubReply& reply);
// The inverse; another version, unknown types, members or values are errors.
Result<HubRequest> parse_hub_request(std::string_view bytes);
Result<HubReply> parse_hub_reply(std::string_view bytes);

// "app", "pre-start", "post-stop" or "health"; "stdin", …
std::string_view to_string(Role role);
std::string_view to_string(HubStream stream);

}  // namespace agena::stage2
