// Requests over HTTP and TLS by libcurl, which is opened at the first one. Redirects are followed here and
// not by libcurl: who may see credentials is our affair. Any thread may use a client.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/http/http.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

class HttpSession;
class HttpStream;

class HttpClient {
 public:
  explicit HttpClient(HttpSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  const HttpSettings& settings() const { return settings_; }

  // Sends a request and reads the whole answer, whatever its status. Repeatable requests are tried again
  // after resets and passing statuses (429, 502, 503, 504), with growing pauses or those that the server asks
  // for; the last answer is returned. kNetwork: no answer, or more than max_body of it.
  Result<HttpResponse> send(const HttpRequest& request);

  // The same up to the end of the headers; the body is read from the result. A passing status that stays is
  // returned like any other.
  Result<std::unique_ptr<HttpStream>> open(const HttpRequest& request);

  // Waits before the n-th try again (from 1), as long as a server asked for or as backoff_delay() says.
  void pause(unsigned n, const HttpHeaders* headers) const;

 private:
  friend class HttpStream;
  Result<std::unique_ptr<HttpStream>> attempt(const HttpRequest& request, bool& worth_another);
  Result<std::unique_ptr<HttpStream>> exchange(const HttpRequest& request, const Url& url, bool authorized,
                                               bool& worth_another);
  Result<std::unique_ptr<HttpSession>> take_session();
  void give_back(std::unique_ptr<HttpSession> session);

  const HttpSettings settings_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpSession>> sessions_;  // idle ones
};

// An answer whose body is still to be read. The client must outlive it.
class HttpStream : public ByteSource {
 public:
  ~HttpStream() override;
  int status() const;
  const HttpHeaders& headers() const;
  // Where it comes from, for messages.
  const std::string& url() const;
  // As HttpResponse::secure.
  bool is_secure() const;
  // Whether a redirect has led to another server than the one that was asked: it may not ask who we are.
  bool is_elsewhere() const;
  // The next bytes; kNetwork if the connection breaks, the server stands still or ends too early.
  Result<std::size_t> read(std::span<char> buffer) override;
  // Whether the failure of the last read() may be gone at another try.
  bool worth_another() const;

 private:
  friend class HttpClient;
  struct Parts;
  explicit HttpStream(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The whole body. Of an error (400 and more) the status is what counts: a page that cannot be read, or is too
// long, is empty.
Result<std::string> read_body(HttpStream& stream, std::size_t max_bytes);

// "GET 'https://…': bad HTTP status code: 404 (<what the server says>)": an error for an answer that is not
// what was hoped for. Reads at most 64 KiB of the body, as text or as the registries'
// {"errors":[{"code","message"}]}.
Error status_error(const HttpRequest& request, const HttpResponse& response);
Error status_error(const HttpRequest& request, HttpStream& stream);

}  // namespace agena::stage0
