#include "stage0/image/reference.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "manifests/schema/image_id.h"
#include "stage0/store/docker_name.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kShortHash = 16;

bool is_regular_file(const std::string& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

std::unexpected<Error> invalid(std::string_view text, std::string_view why) {
  return fail(ErrorKind::kInvalidInput, "image '{}': {}", shown_reference(text), why);
}

// What of "//AUTHORITY/…" is a user's name or password: its length, 0 if there is none. A digest also follows
// an '@'.
std::size_t userinfo_length(std::string_view authority) {
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return 0;
  const std::string_view rest = authority.substr(at + 1);
  return rest.starts_with("sha256:") || rest.starts_with("sha512:") ? 0 : at;
}

Result<Reference> parse_unsupported(std::string_view text, std::string_view) {
  return invalid(text,
                 "this kind of reference is not supported (use a path, oci:PATH or docker-archive:PATH)");
}

Result<Reference> parse_url(std::string_view text, std::string_view rest) {
  if (!rest.starts_with("//") || rest.size() == 2) return invalid(text, "nothing behind the scheme");
  if (userinfo_length(cut(rest.substr(2), '/').before) != 0)
    return invalid(text, "credentials do not belong into a URL (they are configured in auth.d)");
  return Reference{.kind = ReferenceKind::kUrl, .text = std::string(text)};
}

Result<Reference> parse_file_url(std::string_view text, std::string_view rest) {
  Reference reference{.kind = ReferenceKind::kAciFile, .text = std::string(text)};
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::size_t slash = rest.find('/');
    const std::string_view host = rest.substr(0, slash);
    if (slash == std::string_view::npos || (!host.empty() && host != "localhost"))
      return invalid(text, "a file URL needs an absolute path (file:///PATH)");
    rest.remove_prefix(slash);
  }
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] != '%') {
      reference.path += rest[i];
      continue;
    }
    const auto byte = from_hex(to_lower(rest.substr(i + 1, 2)));
    if (!byte || byte->size() != 1 || byte->front() == '\0')
      return invalid(text, "'%' without two hex digits");
    reference.path += byte->front();
    i += 2;
  }
  if (reference.path.empty()) return invalid(text, "no path");
  return reference;
}

// Where "@sha256:…" or "@sha512:…" starts, or npos.
std::size_t find_digest(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return at;
  const std::string_view rest = text.substr(at + 1);
  return rest.starts_with("sha256:") || rest.starts_with("sha512:") ? at : std::string_view::npos;
}

// docker's grammar: a digest wins over a tag beside it.
Result<Reference> parse_registry(std::string_view text, std::string_view rest) {
  Reference reference{.kind = ReferenceKind::kRegistry, .text = std::string(text)};
  if (rest.starts_with("//")) rest.remove_prefix(2);
  if (rest.empty()) return invalid(text, "nothing behind the scheme");
  if (userinfo_length(cut(rest, '/').before) != 0)
    return invalid(text,
                   "credentials do not belong into a reference (they are configured in auth.d or auth.json)");
  const std::size_t at = rest.rfind('@');
  if (at != std::string_view::npos)
    reference.digest = TRY_CTX(Digest::parse(rest.substr(at + 1)), "image '{}'", printable(text));
  DockerName name = TRY_CTX(parse_docker_name(rest.substr(0, at)), "image '{}'", printable(text));
  reference.domain = std::move(name.domain);
  reference.repository = std::move(name.repository);
  if (!reference.digest) reference.tag = std::move(name.tag);
  return reference;
}

// skopeo's rule: the path ends at the first colon. A path with a colon in it cannot be named.
Result<Reference> parse_oci(std::string_view text, std::string_view rest) {
  if (rest.starts_with("//")) return parse_registry(text, rest);
  Reference reference{.kind = ReferenceKind::kOciLayout, .text = std::string(text)};
  const std::size_t at = find_digest(rest);
  if (at != std::string_view::npos) {
    reference.digest = TRY_CTX(Digest::parse(rest.substr(at + 1)), "image '{}'", printable(text));
    reference.path = rest.substr(0, at);
    if (reference.path.find(':') != std::string::npos)
      return invalid(text, "the path must not contain a colon, and tag and digest exclude each other");
  } else {
    const Cut parts = cut(rest, ':');
    reference.path = parts.before;
    reference.tag = parts.after;
    if (parts.found && reference.tag.empty()) return invalid(text, "nothing behind the colon");
  }
  if (reference.path.empty()) return invalid(text, "no path");
  return reference;
}

Result<Reference> parse_docker_archive(std::string_view text, std::string_view rest) {
  Reference reference{.kind = ReferenceKind::kDockerArchive, .text = std::string(text)};
  const Cut parts = cut(rest, ':');
  reference.path = parts.before;
  if (reference.path.empty()) return invalid(text, "no path");
  if (!parts.found) return reference;
  if (parts.after.empty()) return invalid(text, "nothing behind the colon");
  if (parts.after.starts_with('@')) {
    const auto index = parse_uint(parts.after.substr(1), UINT32_MAX);
    if (!index) return invalid(text, "what follows '@' must be a number (digests cannot be used here)");
    reference.index = static_cast<std::uint32_t>(*index);
    return reference;
  }
  reference.tag = TRY_CTX(parse_docker_name(parts.after), "image '{}'", printable(text)).str();
  return reference;
}

// Prefixes that say what a reference is; anything else with a colon is a name.
struct Scheme {
  std::string_view name;
  Result<Reference> (*parse)(std::string_view text, std::string_view rest);
};
constexpr std::array kSchemes = {
    Scheme{.name = "cimd", .parse = parse_unsupported},
    Scheme{.name = "containers-storage", .parse = parse_unsupported},
    Scheme{.name = "dir", .parse = parse_unsupported},
    Scheme{.name = "docker", .parse = parse_registry},
    Scheme{.name = "docker-archive", .parse = parse_docker_archive},
    Scheme{.name = "docker-daemon", .parse = parse_unsupported},
    Scheme{.name = "file", .parse = parse_file_url},
    Scheme{.name = "http", .parse = parse_url},
    Scheme{.name = "https", .parse = parse_url},
    Scheme{.name = "oci", .parse = parse_oci},
    Scheme{.name = "oci-archive", .parse = parse_oci},
};
static_assert(sorted_by_name(kSchemes));

// appc's form of a name (discovery.md): NAME[:VERSION][,LABEL=VALUE…]. A colon before the last slash belongs
// to a host and its port.
Result<Reference> parse_name(std::string_view text) {
  Reference reference{.kind = ReferenceKind::kName, .text = std::string(text)};
  const std::vector<std::string> parts = split(text, ',');
  const std::string& head = parts.front();
  const std::size_t slash = head.rfind('/');
  const std::size_t colon = head.find(':', slash == std::string::npos ? 0 : slash);
  reference.name = head.substr(0, colon);
  if (reference.name.empty()) return invalid(text, "no name");
  if (colon != std::string::npos) {
    reference.version = head.substr(colon + 1);
    if (reference.version.empty()) return invalid(text, "nothing behind the colon");
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Cut label = cut(parts[i], '=');
    if (!label.found || label.before.empty())
      return invalid(text, fmt::format("label '{}' is not of the form NAME=VALUE", printable(parts[i])));
    reference.labels.emplace_back(label.before, label.after);
  }
  return reference;
}

}  // namespace

std::string shown_reference(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return printable(text);
  const std::string_view front = text.substr(0, scheme + 3);
  std::string_view rest = text.substr(front.size());
  const std::size_t secret = userinfo_length(cut(rest, '/').before);
  rest.remove_prefix(secret);
  const Cut query = cut(rest, '?');
  return printable(front) + (secret != 0 ? "…" : "") + printable(query.before) + (query.found ? "?…" : "");
}

bool Reference::is_local() const {
  return kind == ReferenceKind::kAciFile || kind == ReferenceKind::kOciLayout ||
         kind == ReferenceKind::kDockerArchive;
}

std::string Reference::store_name() const {
  if (const std::size_t end = text.find_first_of("?#"); kind == ReferenceKind::kUrl && end != text.npos)
    return fmt::format("{}?query={}", text.substr(0, end),
                       hash_of(HashAlgorithm::kSha256, text).hex().substr(0, kShortHash));
  if (kind != ReferenceKind::kRegistry) return text;
  return domain + "/" + repository + (digest ? "@" + digest->str() : ":" + tag);
}

Result<Reference> parse_reference(std::string_view text,
                                  const std::function<bool(const std::string&)>& is_file) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.empty()) return fail(ErrorKind::kInvalidInput, "no image given");
  if (std::ranges::any_of(text, is_control)) return invalid(text, "control characters");
  const std::string path(text);
  const bool names_file = is_file ? is_file(path) : is_regular_file(path);

  if (schema::looks_like_image_id(text)) {
    const auto prefix = schema::parse_image_id_prefix(text);
    if (prefix) return Reference{.kind = ReferenceKind::kImageId, .text = path, .name = *prefix};
    if (!names_file) return std::unexpected(prefix.error());
  }
  const Cut scheme = cut(text, ':');
  if (scheme.found)
    if (const Scheme* row = find_by_name(kSchemes, scheme.before)) return row->parse(text, scheme.after);
  // rkt's order: what has a colon is a name, even if it ends like a path.
  const bool is_path =
      text.starts_with('/') || names_file ||
      (!scheme.found && (text.find("./") != std::string_view::npos || text.ends_with(".aci")));
  if (is_path) return Reference{.kind = ReferenceKind::kAciFile, .text = path, .path = path};
  return parse_name(text);
}

}  // namespace agena::stage0
