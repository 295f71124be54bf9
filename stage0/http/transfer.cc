#include "stage0/http/transfer.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

// Fewer bytes than this in the time that a silent server is given are as good as none.
constexpr std::uint64_t kTrickle = 4096;
// A server that has got all of an upload may be busy with it for so many times as long as it may be silent.
constexpr Nanoseconds kCommitPatience = 20;
constexpr long kReceiveBuffer = 128L << 10;
constexpr int kPollMs = 250;

// libcurl's texts as clauses of ours.
std::string clause(std::string_view text) {
  std::string out = printable(trim(text));
  if (out.size() > 1 && out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a' && out[1] <= 'z')
    out[0] = static_cast<char>(out[0] - 'A' + 'a');
  return out;
}

Transfer::Failure failure_of(CURLcode code) {
  using enum Transfer::Failure;
  static constexpr std::array kConnecting = {CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST,
                                             CURLE_COULDNT_RESOLVE_PROXY, CURLE_SSL_CONNECT_ERROR};
  static constexpr std::array kBreaking = {CURLE_GOT_NOTHING, CURLE_OPERATION_TIMEDOUT, CURLE_PARTIAL_FILE,
                                           CURLE_RECV_ERROR, CURLE_SEND_ERROR};
  if (std::ranges::find(kConnecting, code) != kConnecting.end()) return kConnect;
  return std::ranges::find(kBreaking, code) != kBreaking.end() ? kBroken : kFinal;
}

}  // namespace

Result<std::unique_ptr<HttpSession>> HttpSession::make() {
  const CurlApi& api = *TRY(curl_api());
  CURLM* multi = api.multi_init();
  if (multi == nullptr) return fail(ErrorKind::kSystem, "out of memory");
  (void)api.multi_setopt(multi, CURLMOPT_MAXCONNECTS, 4L);
  return std::unique_ptr<HttpSession>(new HttpSession(api, multi));
}

HttpSession::~HttpSession() { (void)api_.multi_cleanup(multi_); }

Result<std::unique_ptr<Transfer>> Transfer::start(HttpSession& session, const Plan& plan) {
  std::unique_ptr<Transfer> transfer(new Transfer(session, plan));
  TRY(transfer->set_up());
  return transfer;
}

Transfer::~Transfer() {
  if (easy_ != nullptr) {
    (void)api_.multi_remove_handle(session_.multi_, easy_);
    api_.easy_cleanup(easy_);
  }
  api_.slist_free_all(header_list_);
}

std::unexpected<Error> Transfer::failed(Failure failure, ErrorKind kind, const std::string& why) {
  failure_ = failure;
  done_ = true;
  return fail(kind, "{} '{}': {}", plan_.request->method, plan_.url->shown(), why);
}

Result<> Transfer::set_up() {
  easy_ = api_.easy_init();
  if (easy_ == nullptr) return fail(ErrorKind::kSystem, "out of memory");
  TRY(set_options());
  set_tls();
  TRY(set_method());
  if (const CURLMcode code = api_.multi_add_handle(session_.multi_, easy_); code != CURLM_OK)
    return fail(ErrorKind::kInternal, "libcurl: {}", api_.multi_strerror(code));
  return {};
}

Result<> Transfer::add_header(const std::string& line) {
  if (line.find_first_of("\r\n") != std::string::npos)
    return fail(ErrorKind::kInvalidInput, "a line feed in a header of a request");
  curl_slist* longer = api_.slist_append(header_list_, line.c_str());
  if (longer == nullptr) return fail(ErrorKind::kSystem, "out of memory");
  header_list_ = longer;
  return {};
}

Result<> Transfer::set_options() {
  const HttpSettings& settings = *plan_.settings;
  const auto set = [this](CURLoption option, auto value) { (void)api_.easy_setopt(easy_, option, value); };
  set(CURLOPT_CURLU, plan_.url->handle());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(why_));
  set(CURLOPT_USERAGENT, settings.user_agent.c_str());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout / 1'000'000));
  // Of version 2 only the window of a whole connection could be held back, not what a stream sends into it.
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  // Digests are of the bytes as they are sent.
  set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::socket_callback);
  set(CURLOPT_HEADERFUNCTION, &Transfer::header_callback);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Transfer::body_callback);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  for (const auto& [name, value] : plan_.request->headers) TRY(add_header(name + ": " + value));
  if (plan_.authorized) TRY(add_header("Authorization: " + plan_.request->authorization));
  return {};
}

void Transfer::set_tls() {
  const TlsSettings& tls = plan_.host.tls;
  const auto set = [this](CURLoption option, auto value) { (void)api_.easy_setopt(easy_, option, value); };
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca_pem.empty()) {
    // The system's directory of certificates stays in force beside it.
    curl_blob blob{
        .data = const_cast<char*>(tls.ca_pem.data()), .len = tls.ca_pem.size(), .flags = CURL_BLOB_COPY};
    set(CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.client_cert.empty()) set(CURLOPT_SSLCERT, tls.client_cert.c_str());
  if (!tls.client_key.empty()) set(CURLOPT_SSLKEY, tls.client_key.c_str());
}

Result<> Transfer::set_method() {
  const HttpRequest& request = *plan_.request;
  const auto set = [this](CURLoption option, auto value) { (void)api_.easy_setopt(easy_, option, value); };
  if (request.method == "HEAD") set(CURLOPT_NOBODY, 1L);
  const bool uploads = request.body_source != nullptr;
  if (uploads) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_READFUNCTION, &Transfer::upload_callback);
    set(CURLOPT_READDATA, static_cast<void*>(this));
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body_size));
    // libcurl would wait a second for a word of servers that do not know this header.
    TRY(add_header("Expect:"));
  } else if (request.method != "GET" && request.method != "HEAD" && request.method != "DELETE") {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    // libcurl would call the bytes a form.
    const bool typed = std::ranges::any_of(
        request.headers, [](const auto& header) { return to_lower(header.first) == "content-type"; });
    if (!typed) TRY(add_header("Content-Type:"));
  }
  if (request.method != "HEAD") set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set(CURLOPT_HTTPHEADER, header_list_);
  return {};
}

// libcurl's sockets would be inherited by the programs that we start.
curl_socket_t Transfer::socket_callback(void* /*self*/, curlsocktype /*purpose*/, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
std::size_t Transfer::header_callback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->on_header({data, size * count});
}
std::size_t Transfer::body_callback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->on_body({data, size * count});
}
std::size_t Transfer::upload_callback(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->on_upload({data, size * count});
}

std::size_t Transfer::on_header(std::string_view line) {
  header_bytes_ += line.size();
  window_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) return 0;
  const std::size_t size = line.size();
  line = trim(line);
  if (line.starts_with("HTTP/") && !head_done_) {
    // Of a new answer: the one before was an interim one (100 Continue).
    headers_.all.clear();
    const Cut words = cut(line, ' ');
    status_ = static_cast<int>(parse_uint(words.after.substr(0, 3), 999).value_or(0));
    return size;
  }
  if (line.empty()) {
    if (status_ >= 200) head_done_ = true;
    return size;
  }
  const Cut pair = cut(line, ':');
  // What comes behind the body (a trailer) counts for nothing.
  if (pair.found && !head_done_)
    headers_.all.emplace_back(to_lower(trim(pair.before)), std::string(trim(pair.after)));
  return size;
}

std::size_t Transfer::on_body(std::string_view bytes) {
  const std::size_t room = target_.size() - target_used_;
  if (room == 0 && pending_at_ < pending_.size()) {
    paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  window_bytes_ += bytes.size();
  const std::size_t now = std::min(room, bytes.size());
  if (now != 0) std::memcpy(target_.data() + target_used_, bytes.data(), now);
  target_used_ += now;
  if (now < bytes.size()) {
    pending_.assign(bytes.substr(now));
    pending_at_ = 0;
  }
  return bytes.size();
}

std::size_t Transfer::on_upload(std::span<char> buffer) {
  auto read = plan_.request->body_source->read(buffer);
  if (!read) {
    upload_error_ = std::move(read).error();
    return CURL_READFUNC_ABORT;
  }
  window_bytes_ += *read;
  uploaded_ += *read;
  return *read;
}

// Gives up on a server that is silent, or lets through just enough to look alive. Only the time in which we
// wait for it counts, not what the reader does meanwhile.
Result<> Transfer::watch_speed(Nanoseconds waited) {
  waited_ += waited;
  const HttpRequest& request = *plan_.request;
  const bool commits = request.body_source != nullptr && uploaded_ >= request.body_size && !head_done_;
  if (waited_ < plan_.settings->stall_timeout * (commits ? kCommitPatience : 1)) return {};
  const std::uint64_t bytes = std::exchange(window_bytes_, 0);
  const std::int64_t seconds = std::exchange(waited_, 0) / kSecond;
  if (bytes >= kTrickle) return {};
  if (bytes == 0)
    return failed(Failure::kBroken, ErrorKind::kNetwork,
                  fmt::format("nothing has come from the server for {} seconds", seconds));
  return failed(Failure::kFinal, ErrorKind::kNetwork,
                fmt::format("the server is too slow: {} bytes in {} seconds", bytes, seconds));
}

Result<> Transfer::end(CURLcode code) {
  done_ = true;
  if (code == CURLE_OK) {
    if (!head_done_)
      return failed(Failure::kBroken, ErrorKind::kNetwork, "the answer has no end of its headers");
    return {};
  }
  if (upload_error_) {
    failure_ = Failure::kFinal;
    return std::unexpected(*std::exchange(upload_error_, std::nullopt));
  }
  if (header_bytes_ > kMaxHeaderBytes)
    return failed(Failure::kFinal, ErrorKind::kNetwork,
                  fmt::format("the answer has more than {} bytes of headers", kMaxHeaderBytes));
  // What libcurl says of a header line that is longer than it takes (100 KiB).
  if (code == CURLE_OUT_OF_MEMORY && !head_done_)
    return failed(Failure::kFinal, ErrorKind::kNetwork, "a header of the answer is too long");
  const std::string why = clause(why_[0] != '\0' ? static_cast<char*>(why_) : api_.easy_strerror(code));
  // Somebody is there and speaks TLS: not a failure of the network that another protocol could get around.
  const bool untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
  auto error = failed(failure_of(code), untrusted ? ErrorKind::kVerification : ErrorKind::kNetwork, why);
  if (untrusted)
    return std::unexpected(
        std::move(error.error())
            .with_hint("give its authority's certificate (certs.d), or waive the check with "
                       "--insecure-options=tls"));
  return error;
}

// Lets libcurl work, and waits if it had nothing to do.
Result<> Transfer::step() {
  const std::size_t before = target_used_ + header_bytes_;
  int running = 0;
  if (const CURLMcode code = api_.multi_perform(session_.multi_, &running); code != CURLM_OK)
    return failed(Failure::kFinal, ErrorKind::kInternal, api_.multi_strerror(code));
  int left = 0;
  while (const CURLMsg* message = api_.multi_info_read(session_.multi_, &left))
    if (message->msg == CURLMSG_DONE) return end(message->data.result);
  if (target_used_ + header_bytes_ != before || paused_) return {};
  const Nanoseconds began = monotonic_now();
  if (const CURLMcode code = api_.multi_poll(session_.multi_, nullptr, 0, kPollMs, nullptr); code != CURLM_OK)
    return failed(Failure::kFinal, ErrorKind::kInternal, api_.multi_strerror(code));
  return watch_speed(monotonic_now() - began);
}

Result<> Transfer::wait_for_head() {
  while (!head_done_ && !done_) {
    auto went = step();
    if (went) continue;
    if (!head_done_) return went;
    // The beginning of the body came as well; what became of the rest is for its reader.
    late_error_ = std::move(went).error();
  }
  return {};
}

Result<std::size_t> Transfer::read(std::span<char> buffer) {
  if (pending_at_ < pending_.size()) {
    const std::size_t n = std::min(buffer.size(), pending_.size() - pending_at_);
    std::memcpy(buffer.data(), pending_.data() + pending_at_, n);
    pending_at_ += n;
    return n;
  }
  if (late_error_) return std::unexpected(*std::exchange(late_error_, std::nullopt));
  target_ = buffer;
  target_used_ = 0;
  Result<> went;
  while (went && target_used_ == 0 && !done_) {
    if (paused_) {
      paused_ = false;
      (void)api_.easy_pause(easy_, CURLPAUSE_CONT);  // delivers what it held back, at once
      if (target_used_ != 0) break;
    }
    went = step();
  }
  target_ = {};
  const std::size_t used = std::exchange(target_used_, 0);
  if (went) return used;
  // What came before the end is the reader's; the failure comes again at the next read.
  if (used != 0) {
    late_error_ = std::move(went).error();
    return used;
  }
  return std::unexpected(std::move(went).error());
}

}  // namespace agena::stage0
