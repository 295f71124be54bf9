#include "stage0/http/download.h"

#include <optional>
#include <vector>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/http/resuming_source.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kBuffer = 128U << 10U;

std::uint64_t length_of(const HttpHeaders& headers) {
  return parse_uint(headers.first("content-length")).value_or(0);
}

// What is noted with a partial file: by which ETag or date it is known, and, in a second line, its length
// once it is complete.
struct Note {
  std::string validator;
  std::optional<std::uint64_t> complete;
};

Result<Note> read_note(const PartialFile& file) {
  const std::string text = TRY(file.note());
  const Cut lines = cut(text, '\n');
  Note note{.validator = std::string(lines.before), .complete = {}};
  if (const auto length = parse_uint(lines.after)) note.complete = *length;
  return note;
}

// Only saves the next attempt time.
void note_completion(PartialFile& file) {
  const auto note = read_note(file);
  if (!note || note->validator.empty()) return;
  if (const auto set = file.set_note(fmt::format("{}\n{}", note->validator, file.size())); !set)
    log::debug("http: {}", set.error().to_string());
}

// Whether nothing of a complete file is missing, so that the server need only say that it is still the same.
// Not if the request is about something else that the caller has.
bool is_worth_asking_about(const Note& note, const PartialFile& file, const HttpRequest& request) {
  return !note.validator.empty() && note.complete == file.size() && !is_conditional(request);
}

}  // namespace

Result<Downloaded> download(HttpClient& client, const HttpRequest& request, PartialFile& file,
                            std::uint64_t max_bytes, const DownloadProgress& progress) {
  const Note note = TRY(read_note(file));
  // What cannot be told from something else is of no use.
  if (note.validator.empty() || file.size() > max_bytes) TRY(file.clear());
  const bool is_complete = is_worth_asking_about(note, file, request);
  HttpRequest asked = request;
  if (is_complete)
    asked.headers.emplace_back(note.validator.starts_with('"') ? "If-None-Match" : "If-Modified-Since",
                               note.validator);
  const std::uint64_t offset = is_complete ? 0 : file.size();
  ResumingSource source(client, {.request = [&](const HttpHeaders*) -> Result<HttpRequest> { return asked; },
                                 .offset = offset,
                                 .size = {},
                                 .immutable = false,
                                 .validator = offset == 0 ? "" : note.validator});
  TRY(source.connect());
  Downloaded result{.status = source.status(), .headers = source.headers()};
  if (source.status() == 304) {
    if (is_complete) result.status = 200;
    return result;
  }
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
    if (n == 0) break;
    if (file.size() + n > max_bytes) return too_large();
    auto appended = file.append(std::span<const char>(buffer).first(n));
    if (appended) continue;
    // A full disk is not to stay full for the sake of the next attempt.
    if (const auto cleared = file.clear(); !cleared) log::debug("http: {}", cleared.error().to_string());
    return std::unexpected(std::move(appended).error());
  }
  note_completion(file);
  return result;
}

}  // namespace agena::stage0
