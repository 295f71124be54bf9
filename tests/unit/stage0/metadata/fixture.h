// A pod and its image for tests of the metadata service.
#pragma once

#include <string>

#include "stage0/metadata/pod_registry.h"

namespace agena::stage0::metadata_fixture {

inline const std::string kToken = "0123456789abcdef0123456789abcdef";
inline const std::string kOtherToken = "fedcba9876543210fedcba9876543210";
inline const std::string kUuid = "21e7b9ae-3240-4a28-ab91-830c88f78b68";
inline const std::string kOtherUuid = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
inline const std::string kImageId = "sha512-54766fdba7a533f1dda3c326992508cd015fe07043c3340a3352fb29f13b0b5d";

inline std::string pod_manifest(const std::string& app = "web") {
  return R"({"acKind":"PodManifest","acVersion":"0.8.11","apps":[{"name":")" + app + R"(","image":{"id":")" +
         kImageId + R"("},"annotations":[{"name":"color","value":"red"}]}],)" +
         R"("annotations":[{"name":"example.com/rack","value":"7"}]})";
}

inline std::string image_manifest() {
  return R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/web",)"
         R"("annotations":[{"name":"color","value":"blue"},{"name":"authors","value":"Zoë"}]})";
}

inline Uuid uuid(const std::string& text = kUuid) { return *Uuid::parse(text); }

inline PodRegistration registration(TokenSource source = TokenSource::kAnywhere, std::string directory = "") {
  return {.token = kToken, .source = source, .directory = std::move(directory), .manifest = pod_manifest()};
}

}  // namespace agena::stage0::metadata_fixture
