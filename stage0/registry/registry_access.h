// How this host reaches registries: which servers stand for a name, which certificates, which credentials.
// What configuration files say comes together here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/http/http_client.h"
#include "stage0/registry/host_terms.h"
#include "stage0/registry/registry.h"

namespace agena::stage0 {

class RegistryAccess {
 public:
  // Reads the configuration: rkt's auth.d below the directories (later ones win), and what containers-common
  // has (docs/configuration.md).
  static Result<std::unique_ptr<RegistryAccess>> open(const std::vector<std::string>& config_directories,
                                                      const RegistryWaivers& waivers);
  ~RegistryAccess();
  RegistryAccess(const RegistryAccess&) = delete;
  RegistryAccess& operator=(const RegistryAccess&) = delete;

  // The servers to ask for an image in turn: mirrors, then the registry itself, which is the last.
  // kPermission if the registry is blocked.
  Result<std::vector<RegistryEndpoint>> endpoints(const std::string& domain, const std::string& repository,
                                                  bool by_digest) const;
  // The one that is the truth: for pushes.
  Result<RegistryEndpoint> endpoint(const std::string& domain, const std::string& repository) const;

  // A client for an endpoint; this object must outlive it.
  std::unique_ptr<RegistryClient> connect(const RegistryEndpoint& endpoint);

 private:
  struct Parts;
  explicit RegistryAccess(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace agena::stage0
