// policy.json of containers-common: which images from registries may be used at all. Signatures (signedBy,
// sigstoreSigned) are not verified: what asks for one is refused.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::stage0 {

class TrustPolicy {
 public:
  // Reads the bytes of such a file; kInvalidInput names `path`.
  static Result<TrustPolicy> parse(std::string_view bytes, const std::string& path);

  // Whether an image may be used, by what it was asked for: "docker.io/library/busybox:latest" or
  // "…@sha256:…". The scope that fits best counts. kPermission says which one refuses it. `waive_signatures`:
  // --insecure-options=image.
  Result<> check(const std::string& domain, const std::string& repository, const std::string& tag_or_digest,
                 bool waive_signatures) const;

 private:
  struct Requirement {
    std::string type;
  };
  using Requirements = std::vector<Requirement>;
  std::string path_;
  Requirements default_;
  std::map<std::string, Requirements> docker_;  // by scope; empty: all
};

}  // namespace agena::stage0
