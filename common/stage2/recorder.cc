#include "common/stage2/recorder.h"

#include <cstdlib>

#include "common/stage2/hub_client.h"
#include "common/sys/unix_socket.h"

namespace agena::stage2 {
namespace {

// A hub that takes longer will not answer any more.
constexpr Nanoseconds kTimeout = 5 * kSecond;

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the recorder has one thread.
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<> record_end(const std::string& app, const std::string& hub_socket, bool again) {
  HubClient hub = TRY(HubClient::connect(hub_socket, kTimeout));
  return hub.report_end({.app = app,
                         .service_result = variable("SERVICE_RESULT"),
                         .exit_code = variable("EXIT_CODE"),
                         .exit_status = variable("EXIT_STATUS"),
                         .again = again});
}

Result<> request_pod_stop(const std::string& hub_socket) {
  HubClient hub = TRY(HubClient::connect(hub_socket, kTimeout));
  return hub.request_stop();
}

Result<bool> may_start(const std::string& app, const std::string& hub_socket) {
  HubClient hub = TRY(HubClient::connect(hub_socket, sys::kForever));
  return hub.ask_admission({.app = app});
}

}  // namespace agena::stage2
