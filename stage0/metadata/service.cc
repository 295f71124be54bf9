#include "stage0/metadata/service.h"

#include <poll.h>
#include <signal.h>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/notify.h"
#include "common/sys/signals.h"
#include "stage0/metadata/answers.h"
#include "stage0/metadata/http_server.h"
#include "stage0/metadata/listeners.h"
#include "stage0/metadata/pod_registry.h"

namespace agena::stage0 {
namespace {

// Registered by root: manifests, which are 4 MiB at most (json_text).
constexpr HttpLimits kRegistrationLimits = {
    .max_body = 4U << 20U, .connections = 128, .time = std::chrono::seconds(60)};
// Of apps: what is to be signed. The product bounds the memory of all that apps may send at once. All pods of
// the host's network share the loopback; what they cannot have is left to those of other networks.
constexpr HttpLimits kMetadataLimits = {
    .max_body = 256U << 10U, .connections = 1024, .connections_per_ip = 32, .connections_of_loopback = 768};

Result<> wait_for_end(const sys::UniqueFd& signals) {
  for (;;) {
    pollfd waiting{.fd = signals.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) return sys_fail("waiting");
    if (TRY(sys::next_signal(signals))) return {};
  }
}

}  // namespace

Result<> serve_metadata(const MetadataService& service) {
  // Before there are threads: they inherit the blocked signals.
  const sys::UniqueFd signals = TRY(sys::open_signalfd({SIGTERM, SIGINT}));
  MetadataListeners listeners = TRY(open_metadata_listeners(service.socket, service.port));
  TRY(sys::make_dirs(sys::at_cwd(), service.state_dir.substr(0, service.state_dir.rfind('/'))));
  const auto pods =
      TRY_CTX(PodRegistry::open(service.state_dir), "opening '{}'", printable(service.state_dir));
  const std::uint16_t port = listeners.port;
  Result<> ended;
  {
    const HttpServer metadata = TRY(HttpServer::start(
        std::move(listeners.metadata), kMetadataLimits,
        [&](const MetadataRequest& request) { return refuse_metadata_body(*pods, request); },
        [&](const MetadataRequest& request) { return answer_metadata(*pods, request); }));
    const HttpServer registration = TRY(HttpServer::start(
        std::move(listeners.registration), kRegistrationLimits, nullptr,
        [&](const MetadataRequest& request) { return answer_registration(*pods, request, port); }));
    log::info("metadata service: port {}, registration at {}, {} pods", port, service.socket, pods->size());
    TRY(sys::notify_manager("READY=1"));
    ended = wait_for_end(signals);
    if (const auto told = sys::notify_manager("STOPPING=1"); !told)
      log::debug("{}", told.error().to_string());
  }
  if (listeners.own_registration) TRY(sys::remove_file(sys::at_cwd(), service.socket));
  return ended;
}

}  // namespace agena::stage0
