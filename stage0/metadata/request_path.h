// What the requests of the metadata service ask for: their paths, queries and forms. Everything here comes
// from whoever can reach the service's port.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/uuid.h"

namespace agena::stage0 {

// Lower-case hex characters of a token: 16 random bytes.
inline constexpr std::size_t kTokenLength = 32;
bool is_token(std::string_view text);
// A new one.
std::string random_token();

// The entries below acMetadata/v1.
enum class MetadataEntry {
  kPodAnnotations,  // pod/annotations
  kPodAnnotation,   // pod/annotations/NAME
  kPodManifest,     // pod/manifest
  kPodUuid,         // pod/uuid
  kSign,            // pod/hmac/sign
  kVerify,          // pod/hmac/verify
  kAppAnnotations,  // apps/APP/annotations
  kAppAnnotation,   // apps/APP/annotations/NAME
  kImageManifest,   // apps/APP/image/manifest
  kImageId,         // apps/APP/image/id
};

struct MetadataPath {
  std::string token;
  MetadataEntry entry;
  std::string app;         // of the entries of apps
  std::string annotation;  // of kPodAnnotation and kAppAnnotation
  bool operator==(const MetadataPath&) const = default;
};

// A path of the public service, percent-encoded, without its query: "/TOKEN/acMetadata/v1/pod/uuid". Anything
// else is kNotFound.
Result<MetadataPath> parse_metadata_path(std::string_view path);
// The inverse.
std::string metadata_path(const MetadataPath& path);

struct RegistrationPath {
  Uuid uuid;
  std::string app;  // empty: the pod itself
  bool operator==(const RegistrationPath&) const = default;
};

// A path of the registration socket: "/pods/UUID" or "/pods/UUID/APP". kNotFound for anything else,
// kInvalidInput if UUID or APP is none.
Result<RegistrationPath> parse_registration_path(std::string_view path);

using Form = std::map<std::string, std::string, std::less<>>;

// "a=1&b=x%20y+z", as in queries and in application/x-www-form-urlencoded bodies. Of two values of a name the
// first counts. An error where an escape is none.
Result<Form> parse_form(std::string_view text);

// The text with every %XX replaced by its byte; an error where an escape is none.
Result<std::string> percent_decode(std::string_view text);
// What may not stand in a part of a path or a query by itself, escaped.
std::string percent_encoded(std::string_view text);

}  // namespace agena::stage0
