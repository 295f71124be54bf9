// What goes over HTTP and under which conditions: requests, answers, settings. Values only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/http/url.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// Headers of an answer in their order; names in lower case.
struct HttpHeaders {
  std::vector<std::pair<std::string, std::string>> all;
  // The first value of a name (given in lower case), or empty.
  std::string first(std::string_view name) const;
  std::vector<std::string> each(std::string_view name) const;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Value of the Authorization header; it goes to the URL's own origin and nowhere else.
  std::string authorization = {};
  // What is sent: these bytes, or what the source yields (`body_size` bytes; never sent twice).
  std::string body = {};
  ByteSource* body_source = nullptr;
  std::uint64_t body_size = 0;
  // Redirects are followed, ten at most, with all headers but `authorization` at another origin.
  bool follow = true;
  // Requests that may be sent again after a reset or a passing status; the others are sent once. Unset: GET
  // and HEAD.
  bool repeatable = false;
  // Sent once, whatever it is and whatever comes: who asks counts the tries.
  bool once = false;
  // Largest body of an answer that send() takes.
  std::size_t max_body = 1U << 20U;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers = {};
  std::string body = {};
  std::string url = {};  // where it came from in the end, for messages
  // Whether it came over TLS from a server that proved who it is, and so did all redirects on the way.
  bool secure = false;
};

struct TlsSettings {
  std::string ca_pem = {};       // certificates to trust beside the system's
  std::string client_cert = {};  // path of a PEM file
  std::string client_key = {};
  bool verify = true;
};

struct HttpHostSettings {
  TlsSettings tls = {};
  bool allow_plain = false;   // http may be spoken to it
  bool plain_waived = false;  // because the user wants it so: then an https server may redirect there
};

struct HttpSettings {
  // What holds for the server of a URL, asked for each before it is connected to. Unset: system certificates,
  // no plain http.
  std::function<Result<HttpHostSettings>(const Url&)> host = {};
  std::string user_agent = "agena";
  Nanoseconds connect_timeout = 30 * kSecond;
  // A server that sends nothing, or next to nothing, for as long is given up.
  Nanoseconds stall_timeout = 30 * kSecond;
  // How often a request, or a download that makes no progress, is tried again.
  unsigned retries = 5;
};

// The defaults, as the environment changes them: AGENA_HTTP_TIMEOUT (seconds for both timeouts),
// AGENA_HTTP_RETRIES. kInvalidInput names a variable that is no number.
Result<HttpSettings> http_settings_from_environment();

// Most header bytes of an answer.
inline constexpr std::size_t kMaxHeaderBytes = 256U << 10U;
inline constexpr int kMaxRedirects = 10;

}  // namespace agena::stage0
