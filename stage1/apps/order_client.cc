#include "stage1/apps/order_client.h"

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/unix_socket.h"
#include "stage1/apps/order_protocol.h"

namespace agena::stage1 {
namespace {

// For a supervisor that has more to do than it can; how long an order takes is the caller's to bound.
constexpr Nanoseconds kPatience = 30 * kSecond;

Result<sys::UniqueFd> connect() {
  auto socket = sys::connect_seqpacket(sys::at_cwd(), contract::pod_paths::kControl, kPatience);
  if (socket) return socket;
  if (socket.error().sys_errno() == ENOENT)
    return fail(ErrorKind::kUnsupported, "the pod is not mutable, or has not started yet");
  if (socket.error().sys_errno() == ECONNREFUSED)
    return fail(ErrorKind::kNotFound, "the pod's supervisor is gone");
  return socket;
}

Result<int> give(const Order& order) {
  const sys::UniqueFd socket = TRY(connect());
  TRY(sys::send_message(socket.get(), render_order(order)));
  const auto message = TRY(sys::receive_message(socket.get(), kMaxOrderMessage));
  if (!message) return fail(ErrorKind::kNotFound, "the pod ended meanwhile");
  const OrderAnswer answer = TRY(parse_order_answer(message->bytes));
  for (const std::string& warning : answer.warnings) log::warning("{}", warning);
  if (!answer.error.empty()) return fail(ErrorKind::kSystem, "{}", answer.error);
  return 0;
}

std::string manifest_of(const contract::EntrypointCall& call) {
  return call.value("manifest", contract::pod_paths::kManifest);
}

}  // namespace

Result<int> add_app(const contract::EntrypointCall& call) {
  return give({.kind = OrderKind::kAdd, .app = call.value("app"), .manifest = manifest_of(call)});
}

Result<int> remove_app(const contract::EntrypointCall& call) {
  return give({.kind = OrderKind::kRemove, .app = call.value("app")});
}

Result<int> start_app(const contract::EntrypointCall& call) {
  return give({.kind = OrderKind::kStart, .app = call.value("app")});
}

Result<int> stop_app(const contract::EntrypointCall& call) {
  Order order{.kind = OrderKind::kStop, .app = call.value("app")};
  if (const std::string time = call.value("time"); !time.empty())
    order.grace = TRY_CTX(parse_duration(time), "--time");
  return give(order);
}

Result<int> update_app(const contract::EntrypointCall& call) {
  return give({.kind = OrderKind::kUpdate, .app = call.value("app"), .manifest = manifest_of(call)});
}

}  // namespace agena::stage1
