// http and https URLs, taken apart by the same code that will connect to them: what a check has seen is where
// the request goes.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"

using CURLU = struct Curl_URL;

namespace agena::stage0 {

class Url {
 public:
  // An absolute http or https URL; kInvalidInput otherwise. A fragment is dropped.
  static Result<Url> parse(const std::string& text);
  // What a Location header in the answer to this URL means. User names in it are refused: a server does not
  // choose who we are.
  Result<Url> resolve(const std::string& location) const;

  Result<Url> copy() const;

  const std::string& scheme() const { return scheme_; }  // "http" or "https"
  // Lower case; an IPv6 address in brackets.
  const std::string& host() const { return host_; }
  // As a number, the scheme's own if none is given.
  const std::string& port() const { return port_; }
  // "host:port" with any port that the URL spells out, "host" without.
  const std::string& authority() const { return authority_; }
  bool is_tls() const { return scheme_ == "https"; }
  // Whether the host is this machine: localhost, 127.0.0.0/8 or ::1.
  bool is_loopback() const;
  // Whether requests to both go to the same server: scheme, host and port are equal.
  bool same_origin(const Url& other) const;
  // For messages and logs: without user, password and query, which may hold secrets.
  const std::string& shown() const { return shown_; }

  // The whole URL.
  Result<std::string> text() const;
  // libcurl's own form.
  CURLU* handle() const { return handle_.get(); }

 private:
  struct Free {
    void operator()(CURLU* handle) const;
  };
  using Handle = std::unique_ptr<CURLU, Free>;
  static Result<Url> of_handle(Handle handle);
  explicit Url(Handle handle) : handle_(std::move(handle)) {}

  Handle handle_;
  std::string scheme_;
  std::string host_;
  std::string port_;
  std::string authority_;
  std::string shown_;
};

// A text as it may stand in a URL's path or query: all but unreserved characters as %XX (RFC 3986).
std::string percent_encode(std::string_view text);
// A URL for messages, as Url::shown(); for texts that may be no URL at all.
std::string shown_url(std::string_view text);
// Whether a host (without port) is this machine.
bool is_loopback_host(std::string_view host);

}  // namespace agena::stage0
