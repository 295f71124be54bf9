// Image records for tests of what is made from them; no store behind them.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "manifests/codec/image_manifest.h"
#include "stage0/store/image_record.h"

namespace agena::stage0::test_records {

inline std::string id_of(char digit) { return "sha512-" + std::string(64, digit); }

// An ACI with this manifest.
inline ImageRecord aci(char digit, const std::string& manifest) {
  const auto parsed = codec::parse_image_manifest(manifest);
  EXPECT_TRUE(parsed) << parsed.error().to_string();
  return ImageRecord{.id = id_of(digit),
                     .format = ImageFormat::kAci,
                     .manifest = *parsed,
                     .oci = std::nullopt,
                     .names = {},
                     .layers = {},
                     .sources = {},
                     .chain_id = {}};
}

// An ACI of this name whose app runs as root; `app_members` are further members of its app section, each with
// a leading comma.
inline ImageRecord simple_aci(char digit, const std::string& name, const std::string& exec,
                              const std::string& app_members = "") {
  return aci(digit, R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":")" + name +
                        R"(","labels":[{"name":"version","value":"1.2"},{"name":"os","value":"linux"},)" +
                        R"({"name":"arch","value":"amd64"}],"app":{"exec":)" + exec +
                        R"(,"user":"0","group":"0")" + app_members + "}}");
}

// A docker image: entrypoint and cmd apart, and joined in the manifest.
inline ImageRecord docker(char digit, const std::string& name, std::vector<std::string> entrypoint,
                          std::vector<std::string> cmd) {
  ImageRecord image = simple_aci(digit, name, "[]");
  image.format = ImageFormat::kDocker;
  image.manifest.app->exec = entrypoint;
  image.manifest.app->exec.insert(image.manifest.app->exec.end(), cmd.begin(), cmd.end());
  image.oci = OciFacts{.manifest_digest = std::nullopt,
                       .config_digest = std::nullopt,
                       .entrypoint = std::move(entrypoint),
                       .cmd = std::move(cmd),
                       .stop_signal = ""};
  return image;
}

}  // namespace agena::stage0::test_records
