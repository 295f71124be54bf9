#include "stage0/store/remotes.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/sys/fs.h"
#include "stage0/store/layout.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxBytes = 64U << 10U;
constexpr std::uint64_t kMaxAge = 365ULL * 86'400;
// After that nobody goes on writing a temporary file.
constexpr Nanoseconds kLongestWrite = 3600 * kSecond;

std::string name_of(std::string_view url) { return hash_of(HashAlgorithm::kSha256, url).hex(); }

bool is_older(const sys::DirFd& dir, const std::string& name, Nanoseconds age) {
  const auto st = sys::stat_at(dir, name);
  return st && now() - sys::mtime_of(*st) > age;
}

// DATA/cas/remotes.
Result<sys::DirFd> open_remotes(const Store& store) {
  return sys::open_dir(store.data(), fmt::format("{}/{}", layout::kCas, layout::kRemotes));
}

Result<sys::DirFd> make_remotes(const Store& store) {
  auto opened = open_remotes(store);
  if (opened || opened.error().kind() != ErrorKind::kNotFound) return opened;
  TRY(sys::make_dir(store.data(), fmt::format("{}/{}", layout::kCas, layout::kRemotes), 02770));
  return open_remotes(store);
}

std::string text_at(const JsonNode& document, std::string_view key) {
  const auto node = document.find(key);
  return node ? node->as_string().value_or("") : "";
}

Result<RemoteEntry> parse_entry(std::string_view bytes) {
  const json_text::Json json = TRY(json_text::parse(bytes));
  JsonProblems problems("entry of a URL");
  const JsonNode document(json, problems);
  RemoteEntry entry{.shown = text_at(document, "url"),
                    .image_id = text_at(document, "image"),
                    .etag = text_at(document, "etag"),
                    .last_modified = text_at(document, "lastModified")};
  if (const auto node = document.require("fetched")) entry.fetched = node->as_int(0, INT64_MAX).value_or(0);
  if (const auto node = document.find("maxAge")) entry.max_age = node->as_uint(kMaxAge).value_or(0);
  if (const auto node = document.find("verified")) entry.verified = node->as_bool().value_or(false);
  const auto version = document.require("version");
  if (version && version->as_uint() != 1U) version->complain("is not 1");
  TRY(problems.to_result());
  return entry;
}

}  // namespace

Result<std::optional<RemoteEntry>> find_remote(const Store& store, std::string_view url) {
  const auto dir = open_remotes(store);
  if (!dir) return std::nullopt;
  const auto bytes = sys::read_file(*dir, name_of(url), kMaxBytes);
  if (!bytes) return std::nullopt;
  const auto entry = parse_entry(*bytes);
  if (!entry) return std::nullopt;
  return *entry;
}

Result<> remember_remote(const Store& store, std::string_view url, const RemoteEntry& entry) {
  json_text::Json json = {{"version", 1}, {"url", entry.shown}, {"image", entry.image_id}};
  if (!entry.etag.empty()) json["etag"] = entry.etag;
  if (!entry.last_modified.empty()) json["lastModified"] = entry.last_modified;
  json["fetched"] = entry.fetched;
  if (entry.max_age != 0) json["maxAge"] = std::min(entry.max_age, kMaxAge);
  json["verified"] = entry.verified;
  const std::string text = TRY(json_text::dump(json));
  const sys::DirFd dir = TRY(make_remotes(store));
  return sys::replace_file(dir, name_of(url), text, 0660);
}

Result<> sweep_remotes(const Store& store) {
  const auto dir = open_remotes(store);
  if (!dir) return {};
  for (const std::string& name : TRY(sys::list_dir(*dir))) {
    // Somebody may be writing it.
    if (name.starts_with('.') && !is_older(*dir, name, kLongestWrite)) continue;
    const auto bytes = sys::read_file(*dir, name, kMaxBytes);
    const auto entry = bytes ? parse_entry(*bytes) : std::unexpected(bytes.error());
    const auto image = entry ? store.read_image(entry->image_id) : std::unexpected(entry.error());
    if (!image && image.error().kind() != ErrorKind::kSystem) TRY(sys::remove_file(*dir, name));
  }
  return {};
}

}  // namespace agena::stage0
