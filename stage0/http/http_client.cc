#include "stage0/http/http_client.h"

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/http/backoff.h"
#include "stage0/http/transfer.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxErrorBody = 64U << 10U;
constexpr std::size_t kMaxShownError = 500;

bool is_redirect(int status) {
  static constexpr std::array kRedirects = {301, 302, 303, 307, 308};
  return std::ranges::find(kRedirects, status) != kRedirects.end();
}

bool is_repeatable(const HttpRequest& request) {
  if (request.once || request.body_source != nullptr) return false;
  return request.repeatable || request.method == "GET" || request.method == "HEAD";
}

void sleep_for(Nanoseconds time) {
  timespec left{.tv_sec = time / kSecond, .tv_nsec = time % kSecond};
  while (::clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
  }
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  // Cannot fail for so few bytes once the machine is up (getrandom(2)); without it all wait equally long.
  (void)!::getrandom(&number, sizeof number, 0);
  return number;
}

// Codes and messages of the distribution spec's error document; empty if it is none.
std::string registry_errors(const std::string& body) {
  const auto json = json_text::parse(body);
  if (!json) return {};
  JsonProblems problems("error");
  const JsonNode root(*json, problems);
  if (!root.is_object()) return {};
  std::vector<std::string> texts;
  if (const auto errors = root.find("errors"))
    errors->each([&](const JsonNode& one) {
      if (!one.is_object()) return;
      for (const char* key : {"message", "code"})
        if (const auto text = one.find(key)) {
          texts.push_back(text->as_string().value_or(""));
          return;
        }
    });
  if (texts.empty())
    for (const char* key : {"error_description", "message", "details", "error"})
      if (const auto text = root.find(key)) {
        texts.push_back(text->as_string().value_or(""));
        break;
      }
  return problems.empty() ? join(texts, "; ") : "";
}

Error make_status_error(const std::string& method, const std::string& url, int status,
                        const HttpHeaders& headers, const std::string& body) {
  std::string says = registry_errors(body);
  const std::string type = headers.first("content-type");
  const bool is_text = type.empty() || type.starts_with("text/plain");
  if (says.empty() && is_text) says = body;
  says = printable(utf8_prefix(trim(says), kMaxShownError));
  std::string message = fmt::format("{} '{}': bad HTTP status code: {}", method, url, status);
  if (!says.empty()) message += fmt::format(" ({})", says);
  const ErrorKind kind = status == 404                    ? ErrorKind::kNotFound
                         : status == 401 || status == 403 ? ErrorKind::kPermission
                                                          : ErrorKind::kNetwork;
  return {kind, std::move(message)};
}

}  // namespace

struct HttpStream::Parts {
  HttpClient& client;
  HttpRequest request;
  Url url;
  std::unique_ptr<HttpSession> session = {};
  std::unique_ptr<Transfer> transfer = {};
  bool secure = false;
  bool elsewhere = false;

  ~Parts() {
    transfer.reset();
    if (session) client.give_back(std::move(session));
  }
};

HttpStream::HttpStream(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
HttpStream::~HttpStream() = default;
int HttpStream::status() const { return parts_->transfer->status(); }
const HttpHeaders& HttpStream::headers() const { return parts_->transfer->headers(); }
const std::string& HttpStream::url() const { return parts_->url.shown(); }
bool HttpStream::is_secure() const { return parts_->secure; }
bool HttpStream::is_elsewhere() const { return parts_->elsewhere; }
Result<std::size_t> HttpStream::read(std::span<char> buffer) { return parts_->transfer->read(buffer); }

bool HttpStream::worth_another() const { return parts_->transfer->failure() == Transfer::Failure::kBroken; }

HttpClient::HttpClient(HttpSettings settings) : settings_(std::move(settings)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpSession>> HttpClient::take_session() {
  {
    const std::lock_guard guard(mutex_);
    if (!sessions_.empty()) {
      auto session = std::move(sessions_.back());
      sessions_.pop_back();
      return session;
    }
  }
  return HttpSession::make();
}

void HttpClient::give_back(std::unique_ptr<HttpSession> session) {
  const std::lock_guard guard(mutex_);
  sessions_.push_back(std::move(session));
}

void HttpClient::pause(unsigned n, const HttpHeaders* headers) const {
  Nanoseconds time = backoff_delay(n, random_number());
  if (headers != nullptr)
    if (const auto asked = parse_retry_after(headers->first("retry-after"), now())) time = *asked;
  log::debug("http: trying again in {} ms", time / 1'000'000);
  sleep_for(time);
}

// One exchange with one server.
Result<std::unique_ptr<HttpStream>> HttpClient::exchange(const HttpRequest& request, const Url& url,
                                                         bool authorized, bool& worth_another) {
  worth_another = false;
  HttpHostSettings host = settings_.host ? TRY(settings_.host(url)) : HttpHostSettings();
  if (!url.is_tls() && !host.allow_plain)
    return fail(ErrorKind::kPermission,
                "'{}' is asked for over plain http, which --insecure-options=http would allow", url.shown());
  auto parts = std::make_unique<HttpStream::Parts>(*this, request, TRY(url.copy()));
  parts->secure = url.is_tls() && host.tls.verify;
  parts->session = TRY(take_session());
  auto started = Transfer::start(*parts->session, {.request = &parts->request,
                                                   .url = &parts->url,
                                                   .authorized = authorized,
                                                   .host = std::move(host),
                                                   .settings = &settings_});
  parts->transfer = TRY(std::move(started));
  log::debug("http: {} {}", request.method, url.shown());
  if (auto head = parts->transfer->wait_for_head(); !head) {
    worth_another = parts->transfer->failure() == Transfer::Failure::kBroken;
    return std::unexpected(std::move(head).error());
  }
  const std::string left = parts->transfer->headers().first("ratelimit-remaining");
  log::debug("http: status {}{}", parts->transfer->status(),
             left.empty() ? "" : ", requests left: " + printable(left));
  return std::unique_ptr<HttpStream>(new HttpStream(std::move(parts)));
}

// An exchange with all its redirects.
Result<std::unique_ptr<HttpStream>> HttpClient::attempt(const HttpRequest& request, bool& worth_another) {
  worth_another = false;
  Url url = TRY(Url::parse(request.url));
  const Url first = TRY(url.copy());
  bool authorized = !request.authorization.empty();
  bool secure = true;
  HttpRequest current = request;
  for (int redirects = 0;; ++redirects) {
    auto stream = TRY(exchange(current, url, authorized, worth_another));
    secure = secure && stream->is_secure();
    stream->parts_->secure = secure;
    stream->parts_->elsewhere = !url.same_origin(first);
    const std::string location = stream->headers().first("location");
    if (!request.follow || !is_redirect(stream->status()) || location.empty()) return stream;
    if (redirects == kMaxRedirects)
      return fail(ErrorKind::kNetwork, "{} '{}': more than {} redirects", request.method,
                  shown_url(request.url), kMaxRedirects);
    if (current.body_source != nullptr)
      return fail(ErrorKind::kNetwork, "{} '{}': the server redirects what is being sent", request.method,
                  url.shown());
    Url target = TRY_CTX(url.resolve(location), "{} '{}'", request.method, url.shown());
    if (url.is_tls() && !target.is_tls()) {
      const bool waived = settings_.host && TRY(settings_.host(target)).plain_waived;
      if (!waived)
        return fail(ErrorKind::kNetwork, "{} '{}': the server redirects from https to plain http, '{}'",
                    request.method, url.shown(), target.shown());
    }
    if (!url.same_origin(target)) authorized = false;
    // RFC 9110 15.4.4: what comes of a 303 is got, not sent.
    if (stream->status() == 303 && current.method != "HEAD") {
      current.method = "GET";
      current.body.clear();
    }
    url = std::move(target);
  }
}

Result<std::unique_ptr<HttpStream>> HttpClient::open(const HttpRequest& request) {
  const unsigned tries = is_repeatable(request) ? settings_.retries : 0;
  for (unsigned n = 1;; ++n) {
    bool worth_another = false;
    auto stream = attempt(request, worth_another);
    if (stream && !is_passing_status((*stream)->status())) return stream;
    if ((!stream && !worth_another) || n > tries) return stream;
    if (!stream) log::debug("http: {}", stream.error().to_string());
    const HttpHeaders headers = stream ? (*stream)->headers() : HttpHeaders();
    if (stream) stream->reset();
    pause(n, &headers);
  }
}

Result<HttpResponse> HttpClient::send(const HttpRequest& request) {
  const unsigned tries = is_repeatable(request) ? settings_.retries : 0;
  for (unsigned n = 1;; ++n) {
    auto stream = TRY(open(request));
    auto body = read_body(*stream, request.max_body);
    if (body)
      return HttpResponse{.status = stream->status(),
                          .headers = stream->headers(),
                          .body = *std::move(body),
                          .url = stream->url(),
                          .secure = stream->is_secure()};
    if (body.error().kind() != ErrorKind::kNetwork)
      return fail(ErrorKind::kNetwork, "{} '{}': the answer is {}", request.method, stream->url(),
                  body.error().message());
    if (n > tries) return std::unexpected(std::move(body).error());
    stream.reset();
    pause(n, nullptr);
  }
}

Result<std::string> read_body(HttpStream& stream, std::size_t max_bytes) {
  constexpr int kFirstError = 400;
  auto body = read_to_end(stream, max_bytes);
  if (!body && stream.status() >= kFirstError) return std::string();
  return body;
}

Error status_error(const HttpRequest& request, const HttpResponse& response) {
  return make_status_error(request.method, response.url, response.status, response.headers, response.body);
}

Error status_error(const HttpRequest& request, HttpStream& stream) {
  // An error page that cannot be read says nothing.
  const std::string body = read_to_end(stream, kMaxErrorBody).value_or("");
  return make_status_error(request.method, stream.url(), stream.status(), stream.headers(), body);
}

}  // namespace agena::stage0
