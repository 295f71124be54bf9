// Docker's names of images: "busybox" is short for "docker.io/library/busybox:latest".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::stage0 {

// The parts of a name in its full form.
struct DockerName {
  std::string domain;      // "docker.io", "localhost:5000"
  std::string repository;  // "library/busybox"
  std::string tag;         // "latest"
  std::string str() const { return domain + "/" + repository + ":" + tag; }
  bool operator==(const DockerName&) const = default;
};

// Parses and completes a name (distribution's reference grammar: lower-case repository of at most 255 bytes,
// tag of at most 128 characters; a first part with a '.', a ':' or an upper-case letter, or "localhost", is
// the domain). Digests are refused. kInvalidInput otherwise.
Result<DockerName> parse_docker_name(std::string_view text);

// Full names that a short one may stand for, most likely first: docker.io's and localhost's (where podman
// puts images that it built). Empty if the text is no such name.
std::vector<std::string> docker_name_candidates(std::string_view text);

}  // namespace agena::stage0
