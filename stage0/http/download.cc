#include "stage0/http/download.h"

#include <vector>

#include "common/base/strings.h"
#include "stage0/http/resuming_source.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kBuffer = 128U << 10U;

std::uint64_t length_of(const HttpHeaders& headers) {
  return parse_uint(headers.first("content-length")).value_or(0);
}

}  // namespace

Result<Downloaded> download(HttpClient& client, const HttpRequest& request, PartialFile& file,
                            std::uint64_t max_bytes, const DownloadProgress& progress) {
  const std::string validator = TRY(file.note());
  // What cannot be told from something else is of no use.
  if (validator.empty() || file.size() > max_bytes) TRY(file.clear());
  ResumingSource source(client,
                        {.request = [&](const HttpHeaders*) -> Result<HttpRequest> { return request; },
                         .offset = file.size(),
                         .size = {},
                         .immutable = false,
                         .validator = file.size() == 0 ? "" : validator});
  TRY(source.connect());
  const Downloaded result{.status = source.status(), .headers = source.headers()};
  if (result.status == 304) return result;
  const auto too_large = [&] {
    return fail(ErrorKind::kInvalidInput, "GET '{}': larger than the limit of {} bytes",
                shown_url(request.url), max_bytes);
  };
  const std::uint64_t length = length_of(result.headers);
  if (length > max_bytes || source.start() > max_bytes - length) return too_large();
  if (source.start() == 0) {
    TRY(file.clear());
    TRY(file.set_note(validator_of(result.headers)));
  }
  const std::uint64_t total = length == 0 ? 0 : source.start() + length;
  std::vector<char> buffer(kBuffer);
  while (true) {
    if (progress) progress(file.size(), total);
    const std::size_t n = TRY(source.read(buffer));
    if (n == 0) return result;
    if (file.size() + n > max_bytes) return too_large();
    TRY(file.append(std::span<const char>(buffer).first(n)));
  }
}

}  // namespace agena::stage0
