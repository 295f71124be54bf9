// A small HTTP server on a socket that listens already. Every request is bounded in size and time, and no
// peer can keep the others out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/metadata/answers.h"

namespace agena::stage0 {

struct HttpLimits {
  std::size_t max_body;                  // a request with a larger one is refused
  unsigned connections = 512;            // at once
  unsigned connections_per_ip = 0;       // 0: no limit
  unsigned connections_of_loopback = 0;  // of all its addresses together; 0: no limit
  // From the first to the last byte, however busy the peer is. A connection carries one request.
  std::chrono::milliseconds time = std::chrono::seconds(10);
};

using HttpHandler = std::function<MetadataAnswer(const MetadataRequest&)>;
// Asked about a request with a body, before that comes: the answer for one that is refused.
using HttpGate = std::function<std::optional<MetadataAnswer>(const MetadataRequest&)>;

// Serves in one thread of its own until it is destroyed. Gate and handler are called there.
class HttpServer {
 public:
  static Result<HttpServer> start(sys::UniqueFd listener, const HttpLimits& limits, HttpGate gate,
                                  HttpHandler handler);
  HttpServer(HttpServer&&) noexcept;
  HttpServer& operator=(HttpServer&&) noexcept;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  struct State;

 private:
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace agena::stage0
