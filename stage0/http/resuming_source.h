// A download as a stream that survives cuts: after each it goes on where it was, by a range request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "stage0/http/http_client.h"

namespace agena::stage0 {

struct ResumePlan {
  // Makes the request, without Range, before every try; `refused` are the headers of the answer if the last
  // one was answered by 401, by the server that was asked, and another authorization is needed.
  std::function<Result<HttpRequest>(const HttpHeaders* refused)> request;
  // Bytes that the reader has already: the stream begins behind them.
  std::uint64_t offset = 0;
  // The whole length. Known: ranges are closed (some servers know no open ones) and the length is enforced.
  std::optional<std::uint64_t> size = {};
  // Whether the URL stands for the same bytes for ever. Otherwise what was received before is of use only if
  // the server still has the same: by its ETag or date, of what the reader has at first, then of the answer.
  bool immutable = true;
  std::string validator = {};
};

class ResumingSource : public ByteSource {
 public:
  // The client must outlive the source.
  ResumingSource(HttpClient& client, ResumePlan plan)
      : client_(client), plan_(std::move(plan)), at_(plan_.offset) {}

  // Connects, if no read() has: to know what the answer is. Statuses beside 200 and 206 are errors, and 304
  // unless the request was conditional.
  Result<> connect();
  // Offset of the first byte that read() gives: the plan's, or 0 where the server has other bytes now.
  std::uint64_t start() const { return start_.value_or(plan_.offset); }
  // Of the first answer; only after connect().
  int status() const { return status_; }
  const HttpHeaders& headers() const { return headers_; }

  // The next bytes. Servers that ignore ranges are read from the start and what is known is skipped. Tries
  // without progress are counted (HttpSettings::retries). kVerification: more or fewer bytes than stated, or
  // other ones than before.
  Result<std::size_t> read(std::span<char> buffer) override;

 private:
  Result<> connect_or_fail();
  Result<std::size_t> read_or_fail(std::span<char> buffer);
  Result<> try_connect();
  Result<> take_answer();
  Result<> begin_whole();
  Result<> begin_range();
  bool is_another_version() const;
  Result<std::size_t> read_once(std::span<char> buffer);
  Result<> after_failure(Error error, bool passes, const HttpHeaders* headers = nullptr);
  bool complete() const { return plan_.size && at_ == *plan_.size; }

  HttpClient& client_;
  ResumePlan plan_;
  HttpRequest request_;
  std::unique_ptr<HttpStream> stream_;
  std::uint64_t at_;
  std::optional<std::uint64_t> start_;
  std::uint64_t skip_ = 0;      // bytes of this answer that the reader has
  std::uint64_t progress_ = 0;  // since the last failure
  unsigned failures_ = 0;       // without progress
  bool ranges_refused_ = false;
  bool answered_ = false;        // the last try got an answer
  std::optional<Error> failed_;  // for good
  int status_ = 0;
  HttpHeaders headers_;
};

// Whether the request may be answered by "not modified".
bool is_conditional(const HttpRequest& request);
// What If-Range may be asked with (RFC 9110 13.1.5): a strong ETag, or a date; empty if there is neither.
std::string validator_of(const HttpHeaders& headers);

}  // namespace agena::stage0
