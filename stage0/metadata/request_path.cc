#include "stage0/metadata/request_path.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <vector>

#include "common/base/strings.h"
#include "manifests/schema/ac_name.h"

namespace agena::stage0 {
namespace {

// More names in one form are somebody's joke.
constexpr std::size_t kMostFields = 64;

struct EntryRow {
  MetadataEntry entry;
  std::string_view path;  // below pod or apps/APP
  bool named;             // a name follows
  bool of_app;
};
constexpr std::array kEntries = {
    EntryRow{MetadataEntry::kPodAnnotations, "annotations", false, false},
    EntryRow{MetadataEntry::kPodAnnotation, "annotations", true, false},
    EntryRow{MetadataEntry::kPodManifest, "manifest", false, false},
    EntryRow{MetadataEntry::kPodUuid, "uuid", false, false},
    EntryRow{MetadataEntry::kSign, "hmac/sign", false, false},
    EntryRow{MetadataEntry::kVerify, "hmac/verify", false, false},
    EntryRow{MetadataEntry::kAppAnnotations, "annotations", false, true},
    EntryRow{MetadataEntry::kAppAnnotation, "annotations", true, true},
    EntryRow{MetadataEntry::kImageManifest, "image/manifest", false, true},
    EntryRow{MetadataEntry::kImageId, "image/id", false, true},
};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What follows `prefix` in the text, or nullopt.
std::optional<std::string_view> after(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

// The row of what stands below pod or apps/APP; sets the name of an annotation.
const EntryRow* find_entry(bool of_app, std::string_view rest, std::string& name) {
  for (const EntryRow& row : kEntries) {
    if (row.of_app != of_app) continue;
    const auto tail = after(rest, row.path);
    if (!tail) continue;
    // A list may be asked for as the directory that it is in appc's tables.
    if (!row.named && (tail->empty() || (*tail == "/" && row.path == "annotations"))) return &row;
    if (row.named && tail->size() > 1 && tail->front() == '/') {
      name = tail->substr(1);
      return &row;
    }
  }
  return nullptr;
}

std::unexpected<Error> no_such_entry() { return fail(ErrorKind::kNotFound, "there is no such entry"); }

}  // namespace

bool is_token(std::string_view text) { return text.size() == kTokenLength && is_lower_hex(text); }

std::string random_token() {
  std::string bytes(kTokenLength / 2, '\0');
  // Up to 256 bytes come whole, and the source is ready long before any pod (getrandom(2)).
  (void)!::getrandom(bytes.data(), bytes.size(), 0);
  return to_hex(bytes);
}

Result<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    const int high = at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
    const int low = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
    if (high < 0 || low < 0)
      return fail(ErrorKind::kInvalidInput, "'{}' is no escape", printable(text.substr(at, 3)));
    decoded += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~/").contains(c)) {
      encoded += c;
      continue;
    }
    encoded += '%';
    encoded += kDigits[byte >> 4U];
    encoded += kDigits[byte & 15U];
  }
  return encoded;
}

Result<MetadataPath> parse_metadata_path(std::string_view path) {
  const std::string decoded = TRY(percent_decode(path));
  if (!decoded.starts_with('/')) return no_such_entry();
  const Cut parts = cut(std::string_view(decoded).substr(1), '/');
  if (!is_token(parts.before)) return no_such_entry();
  MetadataPath result{.token = std::string(parts.before), .entry = {}, .app = {}, .annotation = {}};
  const auto below = after(parts.after, "acMetadata/v1/");
  if (!below) return no_such_entry();
  std::optional<std::string_view> rest = after(*below, "pod/");
  const bool of_app = !rest;
  if (of_app) {
    const auto apps = after(*below, "apps/");
    if (!apps) return no_such_entry();
    const Cut app = cut(*apps, '/');
    result.app = app.before;
    rest = app.after;
    // Names of apps have no other characters, so an unknown one cannot be one.
    if (!schema::AcName::parse(result.app)) return no_such_entry();
  }
  const EntryRow* row = find_entry(of_app, *rest, result.annotation);
  if (row == nullptr) return no_such_entry();
  result.entry = row->entry;
  return result;
}

std::string metadata_path(const MetadataPath& path) {
  const auto row = std::ranges::find(kEntries, path.entry, &EntryRow::entry);
  std::string text = "/" + path.token + "/acMetadata/v1/";
  text += row->of_app ? "apps/" + path.app + "/" : "pod/";
  text += row->path;
  if (row->named) text += "/" + percent_encoded(path.annotation);
  return text;
}

Result<RegistrationPath> parse_registration_path(std::string_view path) {
  const std::string decoded = TRY(percent_decode(path));
  const auto below = after(decoded, "/pods/");
  if (!below) return fail(ErrorKind::kNotFound, "there is no such path");
  const Cut parts = cut(*below, '/');
  RegistrationPath result{.uuid = TRY(Uuid::parse(parts.before)), .app = std::string(parts.after)};
  if (parts.found) TRY(schema::AcName::parse(result.app));
  return result;
}

Result<Form> parse_form(std::string_view text) {
  Form form;
  if (text.empty()) return form;
  const std::vector<std::string> fields = split(text, '&');
  if (fields.size() > kMostFields) return fail(ErrorKind::kInvalidInput, "there are too many fields");
  for (std::string field : fields) {
    std::ranges::replace(field, '+', ' ');
    const Cut parts = cut(field, '=');
    form.emplace(TRY(percent_decode(parts.before)), TRY(percent_decode(parts.after)));
  }
  return form;
}

}  // namespace agena::stage0
