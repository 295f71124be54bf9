#include "common/stage2/hub_client.h"

#include <algorithm>
#include <iterator>

#include "common/base/strings.h"
#include "common/sys/unix_socket.h"

namespace agena::stage2 {

Result<HubClient> HubClient::connect(const std::string& path, Nanoseconds timeout) {
  return HubClient(TRY_CTX(sys::connect_seqpacket(sys::at_cwd(), path, timeout), "reaching the pod's hub"),
                   timeout);
}

template <class Reply>
Result<std::pair<Reply, std::vector<sys::UniqueFd>>> HubClient::ask(const HubRequest& request) {
  TRY(sys::send_message(socket_.get(), render_hub_request(request)));
  auto message = TRY(sys::receive_message(socket_.get(), kMaxHubMessage, timeout_));
  if (!message) return fail(ErrorKind::kSystem, "the hub closed the connection without an answer");
  HubReply reply = TRY(parse_hub_reply(message->bytes));
  if (const auto* refused = std::get_if<HubRefused>(&reply))
    return fail(ErrorKind::kSystem, "the hub refused: {}", printable(refused->text));
  auto* wanted = std::get_if<Reply>(&reply);
  if (wanted == nullptr) return fail(ErrorKind::kInternal, "the hub gave an answer to another question");
  return std::pair(std::move(*wanted), std::move(message->fds));
}

Result<HubDescriptors> HubClient::open_streams(const HubHello& hello) {
  auto [reply, fds] = TRY_CTX(ask<HubStreams>(hello), "asking the pod's hub for streams");
  if (reply.streams != hello.streams || fds.size() != reply.streams.size() + reply.sockets.size())
    return fail(ErrorKind::kInternal,
                "asking the pod's hub for streams: wanted {}, got {} and {} sockets with {} descriptors",
                hello.streams.size(), reply.streams.size(), reply.sockets.size(), fds.size());
  HubDescriptors got;
  const auto sockets = fds.begin() + static_cast<std::ptrdiff_t>(reply.streams.size());
  std::move(fds.begin(), sockets, std::back_inserter(got.streams));
  std::move(sockets, fds.end(), std::back_inserter(got.sockets));
  got.socket_names = std::move(reply.sockets);
  return got;
}

Result<> HubClient::move_above(int lowest) {
  socket_ = TRY(sys::duplicate(socket_.get(), lowest));
  return {};
}

Result<> HubClient::report_failure(const HubFailed& failed) {
  TRY_CTX(sys::send_message(socket_.get(), render_hub_request(failed)), "telling the pod's hub");
  return {};
}

Result<> HubClient::report_steps(const HubSteps& steps) {
  TRY_CTX(sys::send_message(socket_.get(), render_hub_request(steps)), "telling the pod's hub");
  return {};
}

Result<> HubClient::request_stop() {
  TRY_CTX(sys::send_message(socket_.get(), render_hub_request(HubStop())), "telling the pod's hub");
  return {};
}

Result<bool> HubClient::ask_admission(const HubAdmit& admit) {
  auto [reply, fds] = TRY_CTX(ask<HubAdmitted>(admit), "asking the pod's hub");
  return reply.start;
}

Result<> HubClient::report_end(const HubEnded& ended) {
  TRY_CTX(ask<HubRecorded>(ended), "telling the pod's hub");
  return {};
}

}  // namespace agena::stage2
