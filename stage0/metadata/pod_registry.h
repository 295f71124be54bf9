// The pods that the metadata service knows: who they are, and from where their apps may ask. Kept on disk
// too, so that a restart of the service (an update of the package) is not noticed by running pods.
//
//   STATE/                   0700
//   ├── key                  of the signatures, 64 random bytes, 0600
//   └── UUID.json            a registered pod, 0600
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "manifests/schema/image_manifest.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/metadata/signature.h"

namespace agena::stage0 {

// From where a pod's token may be used.
enum class TokenSource {
  kAnywhere,  // whoever registered the pod does not say
  kLoopback,  // the pod is in the host's network
  kPod,       // the pod's own addresses, by its net-info.json
};

template <class Manifest>
struct Document {
  std::string text;  // as it was registered
  Manifest manifest;
};

struct RegisteredPod {
  Uuid uuid;
  std::string token;
  TokenSource source = TokenSource::kAnywhere;
  std::string directory;  // of the pod, absolute; empty if not told
  Document<schema::PodManifest> pod;
  std::map<std::string, Document<schema::ImageManifest>, std::less<>> apps = {};
};

// What is told of a pod when it is registered.
struct PodRegistration {
  std::string token;
  TokenSource source = TokenSource::kAnywhere;
  std::string directory = {};
  std::string manifest;
};

// Safe for any number of threads.
class PodRegistry {
 public:
  using Known = std::shared_ptr<const RegisteredPod>;

  // Reads what is kept in a directory, which is made if need be; without one nothing is kept. Pods whose
  // directory is gone are forgotten.
  static Result<std::unique_ptr<PodRegistry>> open(const std::optional<std::string>& state_dir);

  // Registers a pod, or tells anew what it is: apps that are still in its manifest stay. kInvalidInput if the
  // manifest or the token is none, kAlreadyExists if another pod has the token.
  Result<> put_pod(const Uuid& uuid, const PodRegistration& registration);
  // The image manifest of an app of a registered pod; kNotFound if there is no such pod or app.
  Result<> put_app(const Uuid& uuid, const std::string& app, const std::string& manifest);
  // Forgets a pod; false if it is not known, or known by another token than the one given (empty: any).
  Result<bool> remove(const Uuid& uuid, std::string_view token);

  // The pod with this token, or nullptr. What it points at does not change.
  Known find(std::string_view token) const;
  std::size_t size() const;

  const Signer& signer() const { return signer_; }

 private:
  PodRegistry(std::optional<std::string> state_dir, Signer signer)
      : state_dir_(std::move(state_dir)), signer_(std::move(signer)) {}
  Result<> load();
  Result<> keep(const RegisteredPod& pod) const;

  std::optional<std::string> state_dir_;
  Signer signer_;
  mutable std::mutex mutex_;
  std::map<Uuid, Known> pods_;
  std::map<std::string, Known, std::less<>> by_token_;
};

}  // namespace agena::stage0
