#include "stage1/run/listen_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

// SD_LISTEN_FDS_START.
constexpr int kFirst = 3;
// More than that in one unit is a mistake.
constexpr std::int64_t kMost = 100;

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): this program has one thread.
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

SocketFacts facts_of(int fd, std::string name) {
  SocketFacts facts{.name = std::move(name), .protocol = {}, .port = 0};
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  int type = 0;
  socklen_t type_length = sizeof type;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) != 0)
    return facts;  // a FIFO or a file, which a .socket unit may pass as well
  if (address.ss_family == AF_INET)
    facts.port = ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  else if (address.ss_family == AF_INET6)
    facts.port = ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  else
    return facts;
  facts.protocol = type == SOCK_STREAM ? "tcp" : type == SOCK_DGRAM ? "udp" : "";
  return facts;
}

}  // namespace

Result<std::vector<PassedSocket>> take_listen_sockets() {
  std::vector<PassedSocket> sockets;
  const std::string count_text = variable("LISTEN_FDS");
  // Somebody else's if another process is named (sd_listen_fds(3)).
  if (count_text.empty() || variable("LISTEN_PID") != fmt::format("{}", ::getpid())) return sockets;
  const auto count = TRY_CTX(parse_int(count_text, 0, kMost), "$LISTEN_FDS");
  const std::vector<std::string> names = split(variable("LISTEN_FDNAMES"), ':');
  for (int i = 0; i < count; ++i) {
    const int fd = kFirst + i;
    TRY_CTX(sys::set_cloexec(fd, true), "descriptor {} of $LISTEN_FDS", fd);
    const auto index = static_cast<std::size_t>(i);
    // "unknown" is what sd_listen_fds_with_names(3) says without names.
    sockets.push_back({sys::UniqueFd(fd), facts_of(fd, index < names.size() ? names[index] : "unknown")});
  }
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"})
    ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): this program has one thread
  return sockets;
}

bool is_socket_activated(const PodApp& app) {
  return std::ranges::any_of(app.app.ports, &schema::Port::socket_activated);
}

namespace {

bool has_number(const Pod& pod, const schema::Port& port, const SocketFacts& socket) {
  if (socket.port == 0 || port.protocol != socket.protocol) return false;
  if (socket.port >= port.port && socket.port - port.port < port.count) return true;
  return std::ranges::any_of(pod.manifest.ports, [&](const schema::ExposedPort& exposed) {
    return exposed.name == port.name && exposed.host_port == socket.port;
  });
}

std::string told(const SocketFacts& socket) {
  std::string text = "'" + printable(socket.name) + "'";
  if (socket.port != 0) text += fmt::format(" ({} port {})", socket.protocol, socket.port);
  return text;
}

std::string activated_ports(const Pod& pod) {
  std::string list;
  for (const PodApp& app : pod.apps)
    for (const schema::Port& port : app.app.ports)
      if (port.socket_activated)
        list += fmt::format("{}'{}' of app '{}' ({} port {})", list.empty() ? "" : ", ", port.name.str(),
                            app.name(), port.protocol, port.port);
  return list;
}

// The app that has a fitting socket-activated port; nullopt if there is none, or several apps have.
template <class Fits>
std::optional<std::size_t> only_app(const Pod& pod, Fits fits) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < pod.apps.size(); ++i) {
    const auto& ports = pod.apps[i].app.ports;
    if (std::ranges::none_of(ports,
                             [&](const schema::Port& port) { return port.socket_activated && fits(port); }))
      continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

}  // namespace

Result<std::vector<std::size_t>> assign_sockets(const Pod& pod, const std::vector<SocketFacts>& sockets) {
  std::vector<std::size_t> owners;
  for (const SocketFacts& socket : sockets) {
    auto owner = only_app(pod, [&](const schema::Port& port) { return port.name.str() == socket.name; });
    if (!owner)
      owner = only_app(pod, [&](const schema::Port& port) { return has_number(pod, port, socket); });
    if (!owner) owner = only_app(pod, [](const schema::Port&) { return true; });
    if (owner) {
      owners.push_back(*owner);
      continue;
    }
    const std::string ports = activated_ports(pod);
    if (ports.empty())
      return fail(ErrorKind::kInvalidInput,
                  "the service manager passed socket {}, but no app has a port with socketActivated",
                  told(socket));
    return fail(ErrorKind::kInvalidInput,
                "the service manager passed socket {}, which fits none of the socket-activated ports: {}; "
                "name it after "
                "a port (FileDescriptorName=)",
                told(socket), ports);
  }
  return owners;
}

Result<PassedSockets> PassedSockets::take(const Pod& pod) {
  PassedSockets passed;
  passed.sockets_ = TRY(take_listen_sockets());
  std::vector<SocketFacts> facts;
  facts.reserve(passed.sockets_.size());
  for (const PassedSocket& socket : passed.sockets_) facts.push_back(socket.facts);
  for (const std::size_t owner : TRY(assign_sockets(pod, facts)))
    passed.owners_.push_back(pod.apps[owner].name());
  return passed;
}

std::vector<std::string> PassedSockets::apps() const {
  std::vector<std::string> names = owners_;
  std::ranges::sort(names);
  const auto doubles = std::ranges::unique(names);
  names.erase(doubles.begin(), doubles.end());
  return names;
}

PassedSockets::OfApp PassedSockets::of(const std::string& app) const {
  OfApp own;
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    if (owners_[i] != app) continue;
    own.names.push_back(sockets_[i].facts.name);
    own.fds.push_back(sockets_[i].fd.get());
  }
  return own;
}

}  // namespace agena::stage1
