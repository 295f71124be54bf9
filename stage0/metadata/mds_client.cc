#include "stage0/metadata/mds_client.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/metadata/answers.h"
#include "stage0/metadata/request_path.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

constexpr int kTries = 3;
constexpr auto kPause = std::chrono::seconds(1);
constexpr time_t kTimeoutSeconds = 10;
constexpr std::size_t kMaxAnswer = 64U << 10U;
constexpr int kOk = 200;
constexpr int kNotFound = 404;

struct Answer {
  int status = 0;
  std::uint16_t port = 0;
  std::string text;  // first line of the body
};

Result<sys::UniqueFd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::kInvalidInput, "socket path '{}' is too long", printable(path));
  std::memcpy(address.sun_path, path.data(), path.size());
  sys::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return sys_fail("opening a socket");
  const timeval limit{.tv_sec = kTimeoutSeconds, .tv_usec = 0};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
    return sys_fail("setting up a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return sys_fail("connecting to the metadata service at '{}'", printable(path));
  return socket;
}

Result<> send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // The service answers and closes before it has read what it refuses.
    if (sent < 0 && errno == EPIPE) return {};
    if (sent < 0) return sys_fail("sending to the metadata service");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<Answer> parse_answer(std::string_view text) {
  const auto no_answer = [] {
    return fail(ErrorKind::kNetwork, "what answers at the socket is no metadata service");
  };
  const std::size_t end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.") || end == std::string_view::npos) return no_answer();
  const auto lines = split(text.substr(0, end), '\n');
  const auto status = parse_int(cut(trim(cut(lines.front(), ' ').after), ' ').before, 100, 599);
  if (!status) return no_answer();
  Answer answer{.status = static_cast<int>(*status),
                .port = 0,
                .text = std::string(trim(cut(text.substr(end + 4), '\n').before))};
  for (const std::string& line : lines) {
    const Cut header = cut(line, ':');
    if (to_lower(header.before) != to_lower(kPortHeader)) continue;
    if (const auto port = parse_uint(trim(header.after), UINT16_MAX))
      answer.port = static_cast<std::uint16_t>(*port);
  }
  return answer;
}

// One request on a connection of its own (HTTP/1.0: the answer ends with the connection, and is not chunked).
Result<Answer> ask(const std::string& path, const char* method, const std::string& target,
                   const std::string& body) {
  const sys::UniqueFd socket = TRY(connect_to(path));
  TRY(send_all(socket.get(),
               fmt::format("{} {} HTTP/1.0\r\nHost: metadata\r\nContent-Type: application/json\r\n"
                           "Content-Length: {}\r\n\r\n{}",
                           method, target, body.size(), body)));
  return parse_answer(TRY_CTX(sys::read_all(socket.get(), kMaxAnswer), "waiting for the metadata service"));
}

Result<Answer> ask_well(const std::string& path, const char* method, const std::string& target,
                        const std::string& body) {
  Answer answer = TRY(ask(path, method, target, body));
  if (answer.status == kOk) return answer;
  return fail(answer.status == kNotFound ? ErrorKind::kNotFound : ErrorKind::kSystem,
              "the metadata service answers {}: {}", answer.status, printable(answer.text));
}

// All of a pod: its manifest, then the apps'.
Result<Answer> tell_all(const std::string& socket, const Uuid& uuid, const sys::DirFd& pod,
                        const MdsRegistration& registration) {
  const std::string text = TRY(sys::read_file(pod, paths::kManifest));
  const auto manifest = TRY(codec::parse_pod_manifest(text));
  const std::string target = "/pods/" + uuid.str();
  const std::string query = fmt::format("?token={}&network={}&dir={}", registration.token,
                                        registration.host_network ? "host" : "pod",
                                        percent_encoded(TRY(sys::path_of_fd(pod.get()))));
  Answer answer = TRY(ask_well(socket, "PUT", target + query, text));
  for (const schema::RuntimeApp& app : manifest.apps) {
    const std::string& name = app.name.str();
    const std::string image = TRY(sys::read_file(pod, paths::app_image_manifest(name)));
    TRY_CTX(ask_well(socket, "PUT", fmt::format("{}/{}", target, name), image), "app '{}'", name);
  }
  return answer;
}

// "TOKEN host" or "TOKEN pod"; nullopt if the pod is not registered.
Result<std::optional<MdsRegistration>> read_registered(const sys::DirFd& pod) {
  const auto text = sys::read_file(pod, paths::kMdsRegistered);
  if (!text && text.error().sys_errno() == ENOENT) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  const Cut parts = cut(trim(*text), ' ');
  // rkt's is empty: any token is meant.
  return MdsRegistration{.token = std::string(parts.before), .host_network = parts.after == "host"};
}

// Another try may help: nobody answered, or not to the end.
bool is_passing(const Error& error) { return error.sys_errno() != 0 || error.kind() == ErrorKind::kNetwork; }

// No service, or none any more.
bool is_absent(const Error& error) {
  return error.sys_errno() == ENOENT || error.sys_errno() == ECONNREFUSED ||
         error.kind() == ErrorKind::kNotFound;
}

}  // namespace

Result<> check_metadata_service(const std::string& socket) {
  const auto connected = connect_to(socket);
  if (connected) return {};
  if (!is_absent(connected.error())) return std::unexpected(connected.error());
  return std::unexpected(
      Error(ErrorKind::kUnsupported,
            fmt::format("the metadata service is not running: nobody listens at '{}'", socket))
          .with_hint("start it with 'agena metadata-service', or its socket unit"));
}

Result<MdsRegistration> register_pod(const std::string& socket, const Uuid& uuid, const sys::DirFd& pod,
                                     bool host_network) {
  MdsRegistration registration{.token = random_token(), .host_network = host_network};
  // First, so that whatever becomes of us, gc unregisters it.
  TRY(sys::replace_file(pod, paths::kMdsRegistered,
                        registration.token + (host_network ? " host\n" : " pod\n"), 0600));
  auto told = tell_all(socket, uuid, pod, registration);
  for (int i = 1; i < kTries && !told && is_passing(told.error()); ++i) {
    std::this_thread::sleep_for(kPause);
    told = tell_all(socket, uuid, pod, registration);
  }
  if (!told) {
    // What cannot be taken back now is left to gc.
    if (const auto undone = unregister_pod(socket, uuid, pod); !undone)
      log::debug("{}", undone.error().to_string());
    return std::unexpected(
        std::move(told).error().with_context("registering the pod with the metadata service"));
  }
  registration.port = told->port;
  return registration;
}

Result<> update_registration(const std::string& socket, const Uuid& uuid, const sys::DirFd& pod) {
  const auto registration = TRY(read_registered(pod));
  if (!registration || registration->token.empty()) return {};
  TRY_CTX(tell_all(socket, uuid, pod, *registration), "telling the metadata service");
  return {};
}

Result<> unregister_pod(const std::string& socket, const Uuid& uuid, const sys::DirFd& pod) {
  const auto registration = TRY(read_registered(pod));
  if (!registration) return {};
  const std::string query = registration->token.empty() ? "" : "?token=" + registration->token;
  const auto told = ask_well(socket, "DELETE", "/pods/" + uuid.str() + query, "");
  if (!told && !is_absent(told.error()))
    return std::unexpected(Error(told.error()).with_context("unregistering from the metadata service"));
  return sys::remove_file(pod, paths::kMdsRegistered);
}

}  // namespace agena::stage0
