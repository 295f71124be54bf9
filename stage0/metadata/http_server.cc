#include "stage0/metadata/http_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <span>
#include <string>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/metadata/microhttpd_api.h"
#include "stage0/metadata/open_connections.h"

namespace agena::stage0 {
namespace {

constexpr unsigned kTooLarge = 413;
// For the request line and the headers of one connection.
constexpr std::size_t kConnectionMemory = 16U << 10U;

// One request, from its first line to its end.
struct Exchange {
  MetadataRequest request;
  bool begun = false;
  bool answered = false;  // before its body came, which nobody keeps
};

std::optional<IpAddress> address_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  std::span<const std::uint8_t> bytes;
  if (address->sa_family == AF_INET) {
    const auto& in = *reinterpret_cast<const sockaddr_in*>(address);
    bytes = {reinterpret_cast<const std::uint8_t*>(&in.sin_addr), sizeof in.sin_addr};
  } else if (address->sa_family == AF_INET6) {
    const auto& in6 = *reinterpret_cast<const sockaddr_in6*>(address);
    bytes = {reinterpret_cast<const std::uint8_t*>(&in6.sin6_addr), sizeof in6.sin6_addr};
  } else {
    return std::nullopt;
  }
  const auto parsed = IpAddress::from_bytes(bytes);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

struct HttpServer::State {
  const MicrohttpdApi* api = nullptr;
  HttpLimits limits;
  HttpGate gate;
  HttpHandler handler;
  OpenConnections connections;
  MHD_Daemon* daemon = nullptr;

  explicit State(const HttpLimits& bounds)
      : limits(bounds),
        connections({.per_peer = bounds.connections_per_ip,
                     .of_loopback = bounds.connections_of_loopback,
                     .life = bounds.time}) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (daemon != nullptr) api->stop_daemon(daemon);
  }

  std::optional<IpAddress> peer_of(MHD_Connection* connection) const {
    const MHD_ConnectionInfo* info = api->get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return address_of(info == nullptr ? nullptr : info->client_addr);
  }

  MHD_Result reply(MHD_Connection* connection, const MetadataAnswer& answer) const {
    MHD_Response* response =
        api->create_response_from_buffer(answer.body.size(),
                                         // The library copies and does not write.
                                         const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    api->add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type.c_str());
    api->add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    // The next request has a connection, and a time, of its own.
    api->add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (answer.port != 0)
      api->add_response_header(response, kPortHeader, fmt::format("{}", answer.port).c_str());
    const MHD_Result queued = api->queue_response(connection, static_cast<unsigned>(answer.status), response);
    api->destroy_response(response);
    return queued;
  }

  MHD_Result refuse(MHD_Connection* connection, const MetadataAnswer& answer, Exchange& exchange) const {
    exchange.answered = true;
    return reply(connection, answer);
  }

  // The headers are there. A body that is announced too large, or that nobody will read, is refused before it
  // comes.
  MHD_Result begin(MHD_Connection* connection, const char* method, Exchange& exchange) const {
    exchange.begun = true;
    exchange.request.method = method;
    const auto header = [&](const char* name) {
      return text_or_empty(api->lookup_connection_value(connection, MHD_HEADER_KIND, name));
    };
    exchange.request.flavor = header(kFlavorHeader);
    exchange.request.content_type = header(MHD_HTTP_HEADER_CONTENT_TYPE);
    exchange.request.source = peer_of(connection);
    const std::string length = header(MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (!length.empty() && !parse_uint(length, limits.max_body))
      return refuse(connection, {.status = kTooLarge, .body = "the request is too large\n"}, exchange);
    const bool body = (!length.empty() && parse_uint(length, limits.max_body) != 0U) ||
                      !header(MHD_HTTP_HEADER_TRANSFER_ENCODING).empty();
    if (!body || !gate) return MHD_YES;
    const auto refusal = gate(exchange.request);
    return refusal ? refuse(connection, *refusal, exchange) : MHD_YES;
  }

  MHD_Result handle(MHD_Connection* connection, const char* method, const char* data, std::size_t* size,
                    Exchange& exchange) const {
    if (!exchange.begun) return begin(connection, method, exchange);
    if (exchange.answered) {
      *size = 0;
      return MHD_YES;
    }
    if (*size > 0) {
      // Of unannounced length: the connection is closed.
      if (exchange.request.body.size() + *size > limits.max_body) return MHD_NO;
      exchange.request.body.append(data, *size);
      *size = 0;
      return MHD_YES;
    }
    const MetadataAnswer answer = handler(exchange.request);
    // Tokens are secrets: the path is not logged.
    log::debug("{} from {}: {}", printable(exchange.request.method),
               exchange.request.source ? exchange.request.source->to_string() : "the host", answer.status);
    return reply(connection, answer);
  }
};

namespace {

void* on_uri(void* /*state*/, const char* uri, MHD_Connection* /*connection*/) {
  auto exchange = std::make_unique<Exchange>();
  const Cut parts = cut(uri, '?');
  exchange->request.path = parts.before;
  exchange->request.query = parts.after;
  return exchange.release();
}

void on_completed(void* /*state*/, MHD_Connection* /*connection*/, void** context,
                  MHD_RequestTerminationCode /*code*/) {
  delete static_cast<Exchange*>(*context);
  *context = nullptr;
}

// Exceptions (there is no memory for a request, say) must not pass the library's frames.
MHD_Result on_request(void* state, MHD_Connection* connection, const char* /*url*/, const char* method,
                      const char* /*version*/, const char* data, std::size_t* size, void** context) {
  if (*context == nullptr) return MHD_NO;
  try {
    return static_cast<const HttpServer::State*>(state)->handle(connection, method, data, size,
                                                                *static_cast<Exchange*>(*context));
  } catch (const std::exception& exception) {
    log::debug("a request failed: {}", exception.what());
    return MHD_NO;
  }
}

// Exceptions as above: a connection that cannot be watched is none.
MHD_Result on_accept(void* state, const sockaddr* address, socklen_t /*length*/) {
  try {
    const auto& connections = static_cast<HttpServer::State*>(state)->connections;
    return connections.may_open(address_of(address)) ? MHD_YES : MHD_NO;
  } catch (const std::exception&) {
    return MHD_NO;
  }
}

void on_connection(void* context, MHD_Connection* connection, void** /*socket_context*/,
                   MHD_ConnectionNotificationCode code) {
  auto& state = *static_cast<HttpServer::State*>(context);
  const MHD_ConnectionInfo* info =
      state.api->get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info == nullptr) return;
  const int socket = info->connect_fd;
  try {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
      state.connections.opened(socket, state.peer_of(connection));
    else
      state.connections.closed(socket);
  } catch (const std::exception& exception) {
    log::debug("a connection failed: {}", exception.what());
    (void)::shutdown(socket, SHUT_RDWR);
  }
}

// We read paths ourselves.
std::size_t keep_escapes(void* /*state*/, MHD_Connection* /*connection*/, char* text) {
  return std::char_traits<char>::length(text);
}

}  // namespace

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::HttpServer(HttpServer&&) noexcept = default;
HttpServer& HttpServer::operator=(HttpServer&&) noexcept = default;
HttpServer::~HttpServer() = default;

Result<HttpServer> HttpServer::start(sys::UniqueFd listener, const HttpLimits& limits, HttpGate gate,
                                     HttpHandler handler) {
  auto state = std::make_unique<State>(limits);
  state->api = TRY(microhttpd_api());
  state->gate = std::move(gate);
  state->handler = std::move(handler);
  state->daemon = state->api->start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, on_accept, state.get(), on_request, state.get(),
      MHD_OPTION_LISTEN_SOCKET, listener.get(), MHD_OPTION_URI_LOG_CALLBACK, on_uri, nullptr,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, nullptr, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
      state.get(), MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, nullptr, MHD_OPTION_CONNECTION_LIMIT,
      limits.connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_END);
  if (state->daemon == nullptr) return sys_fail("starting to serve HTTP");
  // The library closes it.
  (void)listener.release();
  return HttpServer(std::move(state));
}

}  // namespace agena::stage0
