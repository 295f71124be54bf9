#include "stage0/http/resuming_source.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/http/backoff.h"

namespace agena::stage0 {
namespace {

// Fewer bytes than this between two cuts are no progress: a server must not keep us for ever by drops.
constexpr std::uint64_t kProgress = 64U << 10U;

struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;
};

// "bytes 100-199/1000", or "…/*".
std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  const Cut whole = cut(trim(text.substr(6)), '/');
  const Cut range = cut(whole.before, '-');
  const auto first = parse_uint(range.before);
  if (!first || !range.found) return std::nullopt;
  ContentRange parsed{.first = *first, .total = std::nullopt};
  if (const auto total = parse_uint(whole.after)) parsed.total = *total;
  return parsed;
}

}  // namespace

bool is_conditional(const HttpRequest& request) {
  return std::ranges::any_of(request.headers, [](const auto& header) {
    const std::string name = to_lower(header.first);
    return name == "if-none-match" || name == "if-modified-since";
  });
}

std::string validator_of(const HttpHeaders& headers) {
  const std::string tag = headers.first("etag");
  return tag.starts_with('"') ? tag : headers.first("last-modified");
}

Result<> ResumingSource::connect() {
  if (failed_) return std::unexpected(*failed_);
  auto connected = connect_or_fail();
  if (connected) return connected;
  failed_ = connected.error();
  stream_.reset();
  return connected;
}

Result<> ResumingSource::connect_or_fail() {
  while (!stream_ && !complete()) {
    auto connected = try_connect();
    if (connected) return {};
    // Before the first byte the client has tried often enough; an answer that is not what was asked for
    // stays.
    const bool passes = !answered_ || is_passing_status(stream_->status());
    TRY(after_failure(std::move(connected).error(), start_ && passes,
                      answered_ ? &stream_->headers() : nullptr));
  }
  return {};
}

// Notes a failure; returns it if another try would be of no use, or one too many.
Result<> ResumingSource::after_failure(Error error, bool passes, const HttpHeaders* headers) {
  if (!plan_.immutable && plan_.validator.empty()) passes = false;
  if (!passes) return std::unexpected(std::move(error));
  failures_ = progress_ >= kProgress ? 1 : failures_ + 1;
  progress_ = 0;
  if (failures_ > client_.settings().retries) return std::unexpected(std::move(error));
  log::debug("http: at byte {}: {}", at_, error.to_string());
  client_.pause(failures_, headers);
  stream_.reset();
  return {};
}

Result<> ResumingSource::try_connect() {
  std::optional<HttpHeaders> refused;
  answered_ = false;
  while (true) {
    request_ = TRY(plan_.request(refused ? &*refused : nullptr));
    if (at_ > 0 && !ranges_refused_) {
      const std::string last = plan_.size ? std::to_string(*plan_.size - 1) : "";
      request_.headers.emplace_back("Range", fmt::format("bytes={}-{}", at_, last));
      if (!plan_.validator.empty()) request_.headers.emplace_back("If-Range", plan_.validator);
    }
    // From the first byte on the tries are counted here.
    request_.once = start_.has_value();
    answered_ = false;
    stream_ = TRY(client_.open(request_));
    answered_ = true;
    if (stream_->status() == 416 && at_ > 0 && !ranges_refused_) {
      ranges_refused_ = true;
      continue;
    }
    if (stream_->status() == 206 && !start_ && !ranges_refused_ && is_another_version()) {
      // What the reader has is of no use.
      ranges_refused_ = true;
      continue;
    }
    if (stream_->status() != 401 || refused || stream_->is_elsewhere()) break;
    refused = stream_->headers();
  }
  return take_answer();
}

Result<> ResumingSource::take_answer() {
  const int status = stream_->status();
  if (status_ == 0) {
    status_ = status;
    headers_ = stream_->headers();
  }
  skip_ = 0;
  if (status == 200) return begin_whole();
  if (status == 206) return begin_range();
  if (status == 304 && !start_ && is_conditional(request_)) {
    start_ = at_;
    return {};
  }
  return std::unexpected(status_error(request_, *stream_));
}

// All from the start: skips what the reader has, if it is the same.
Result<> ResumingSource::begin_whole() {
  const auto length = parse_uint(stream_->headers().first("content-length"));
  if (plan_.size && length && *length != *plan_.size)
    return fail(ErrorKind::kVerification, "GET '{}': the server has {} bytes instead of the stated {}",
                stream_->url(), *length, *plan_.size);
  if (plan_.immutable) {
    skip_ = at_;
    if (!start_) start_ = at_;
    return {};
  }
  if (start_ && at_ > *start_)
    return fail(ErrorKind::kVerification, "GET '{}': it has changed on the server meanwhile", stream_->url());
  start_ = 0;
  at_ = 0;
  plan_.validator = validator_of(stream_->headers());
  return {};
}

// Whether a range is of other bytes than the validator stands for, from a server that takes no notice of
// If-Range. An ETag and a date cannot be compared.
bool ResumingSource::is_another_version() const {
  if (plan_.immutable || plan_.validator.empty()) return false;
  const std::string now = validator_of(stream_->headers());
  return !now.empty() && now.starts_with('"') == plan_.validator.starts_with('"') && now != plan_.validator;
}

Result<> ResumingSource::begin_range() {
  if (is_another_version())
    return fail(ErrorKind::kVerification, "GET '{}': it has changed on the server meanwhile", stream_->url());
  const auto range = parse_content_range(stream_->headers().first("content-range"));
  if (!range || range->first != at_)
    return fail(ErrorKind::kVerification, "GET '{}': the server answers with another range than asked for",
                stream_->url());
  if (plan_.size && range->total && *range->total != *plan_.size)
    return fail(ErrorKind::kVerification, "GET '{}': the server has {} bytes instead of the stated {}",
                stream_->url(), *range->total, *plan_.size);
  if (!start_) start_ = at_;
  return {};
}

// One read of the connection; 0 at the end, or when all that came was to be skipped.
Result<std::size_t> ResumingSource::read_once(std::span<char> buffer) {
  while (skip_ > 0) {
    const std::size_t n = TRY(
        stream_->read(buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(skip_, buffer.size())))));
    if (n == 0)
      return fail(ErrorKind::kVerification, "GET '{}': the answer ends before byte {}", stream_->url(), at_);
    skip_ -= n;
  }
  return stream_->read(buffer);
}

Result<std::size_t> ResumingSource::read(std::span<char> buffer) {
  if (failed_) return std::unexpected(*failed_);
  auto n = read_or_fail(buffer);
  if (n) return n;
  failed_ = n.error();
  stream_.reset();
  return n;
}

Result<std::size_t> ResumingSource::read_or_fail(std::span<char> buffer) {
  while (true) {
    TRY(connect_or_fail());
    if (!stream_ || status_ == 304) return 0;
    auto n = read_once(buffer);
    bool passes = !n && stream_->worth_another();
    if (n && *n == 0 && plan_.size && at_ < *plan_.size) {
      // A cut, if the server had not said how much would come.
      passes = true;
      n = fail(ErrorKind::kVerification, "GET '{}': it ends after {} bytes instead of the stated {}",
               stream_->url(), at_, *plan_.size);
    }
    if (!n) {
      TRY(after_failure(std::move(n).error(), passes));
      continue;
    }
    at_ += *n;
    progress_ += *n;
    if (plan_.size && at_ > *plan_.size)
      return fail(ErrorKind::kVerification, "GET '{}': it is larger than the stated {} bytes", stream_->url(),
                  *plan_.size);
    return n;
  }
}

}  // namespace agena::stage0
