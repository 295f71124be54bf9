// One exchange of a request and its answer, pulled by the reader: nothing is received that nobody has asked
// for, apart from one piece of at most 16 KiB. No redirects, no retries. Internal to stage0/http.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "stage0/http/curl_api.h"
#include "stage0/http/http.h"

namespace agena::stage0 {

// A connection cache: exchanges that use it one after another share connections. For one exchange at a time.
class HttpSession {
 public:
  static Result<std::unique_ptr<HttpSession>> make();
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

 private:
  friend class Transfer;
  HttpSession(const CurlApi& api, CURLM* multi) : api_(api), multi_(multi) {}
  const CurlApi& api_;
  CURLM* multi_;
};

class Transfer {
 public:
  struct Plan {
    const HttpRequest* request;
    const Url* url;
    bool authorized;  // send request->authorization
    HttpHostSettings host;
    const HttpSettings* settings;
  };
  // Begins the exchange; all of the plan and the session must outlive it.
  static Result<std::unique_ptr<Transfer>> start(HttpSession& session, const Plan& plan);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // How an exchange failed, beside the message.
  enum class Failure {
    kNone,
    kConnect,  // no connection came about
    kBroken,   // it broke off, or stood still: another try may help
    kFinal,    // another try would not help
  };
  Failure failure() const { return failure_; }

  // Waits until status and headers are there.
  Result<> wait_for_head();
  int status() const { return status_; }
  const HttpHeaders& headers() const { return headers_; }
  // More of the body; 0 at its end.
  Result<std::size_t> read(std::span<char> buffer);

 private:
  Transfer(HttpSession& session, const Plan& plan) : api_(session.api_), session_(session), plan_(plan) {}
  Result<> set_up();
  Result<> set_options();
  void set_tls();
  Result<> set_method();
  Result<> add_header(const std::string& line);
  Result<> step();
  Result<> watch_speed(Nanoseconds waited);
  Result<> end(CURLcode code);
  std::unexpected<Error> failed(Failure failure, ErrorKind kind, const std::string& why);
  std::size_t on_header(std::string_view line);
  std::size_t on_body(std::string_view bytes);
  std::size_t on_upload(std::span<char> buffer);
  static curl_socket_t socket_callback(void* self, curlsocktype purpose, curl_sockaddr* address);
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t body_callback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t upload_callback(char* data, std::size_t size, std::size_t count, void* self);

  const CurlApi& api_;
  HttpSession& session_;
  Plan plan_;
  CURL* easy_ = nullptr;
  curl_slist* header_list_ = nullptr;
  char why_[CURL_ERROR_SIZE] = {};

  int status_ = 0;
  HttpHeaders headers_;
  std::size_t header_bytes_ = 0;
  bool head_done_ = false;
  bool done_ = false;
  Failure failure_ = Failure::kNone;
  std::optional<Error> upload_error_;
  std::optional<Error> late_error_;  // for the next read

  std::span<char> target_;  // the reader's buffer while it waits
  std::size_t target_used_ = 0;
  std::string pending_;  // a piece that nobody has asked for yet
  std::size_t pending_at_ = 0;
  bool paused_ = false;

  std::uint64_t uploaded_ = 0;  // bytes of the request's body

  Nanoseconds waited_ = 0;          // since the window of watch_speed() began
  std::uint64_t window_bytes_ = 0;  // that have come or gone in it
};

}  // namespace agena::stage0
