#include "stage0/registry/push.h"

#include "common/base/strings.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

// An upload that breaks off, or whose authorization ends meanwhile, is begun anew so often.
constexpr int kUploads = 3;

// Passes a blob on, telling how much has gone.
class CountingSource : public ByteSource {
 public:
  CountingSource(ByteSource& inner, const std::function<void(std::uint64_t)>& progress)
      : inner_(inner), progress_(progress) {}
  Result<std::size_t> read(std::span<char> buffer) override {
    const std::size_t n = TRY(inner_.read(buffer));
    sent_ += n;
    if (progress_) progress_(sent_);
    return n;
  }

 private:
  ByteSource& inner_;
  const std::function<void(std::uint64_t)>& progress_;
  std::uint64_t sent_ = 0;
};

Result<bool> has_blob(RegistryClient& registry, const Digest& digest) {
  const HttpRequest request{.method = "HEAD"};
  const HttpResponse response =
      TRY(registry.send(request, fmt::format("/v2/{}/blobs/{}", registry.endpoint().repository, digest.str()),
                        RegistryClient::Access::kPush));
  if (response.status == 404) return false;
  if (response.status == 200) return true;
  return std::unexpected(status_error(request, response));
}

// Begins an upload; an empty location if the blob could be mounted.
Result<std::string> begin_upload(RegistryClient& registry, const PushBlob& blob) {
  std::string path = fmt::format("/v2/{}/blobs/uploads/", registry.endpoint().repository);
  if (!blob.mount_from.empty())
    path +=
        fmt::format("?mount={}&from={}", percent_encode(blob.digest.str()), percent_encode(blob.mount_from));
  const HttpRequest request{.method = "POST", .follow = false};
  const HttpResponse response = TRY(registry.send(request, path, RegistryClient::Access::kPush));
  if (response.status == 201 && !blob.mount_from.empty()) return std::string();
  if (response.status != 202) return std::unexpected(status_error(request, response));
  const std::string location = response.headers.first("location");
  if (location.empty())
    return fail(ErrorKind::kNetwork, "POST '{}': the registry does not say where to upload to", response.url);
  const Url base = TRY(Url::parse(registry.url(path)));
  return TRY(base.resolve(location)).text();
}

Result<> upload(RegistryClient& registry, const PushBlob& blob, std::string location,
                const std::function<void(std::uint64_t)>& progress) {
  location += location.find('?') == std::string::npos ? '?' : '&';
  location += "digest=" + percent_encode(blob.digest.str());
  const auto content = TRY(blob.open());
  CountingSource counted(*content, progress);
  const HttpRequest request{.method = "PUT",
                            .headers = {{"Content-Type", "application/octet-stream"}},
                            .body_source = &counted,
                            .body_size = blob.size,
                            .follow = false};
  const HttpResponse response = TRY(registry.send(request, location, RegistryClient::Access::kPush));
  if (response.status != 201) return std::unexpected(status_error(request, response));
  return {};
}

}  // namespace

Result<bool> find_or_mount_blob(RegistryClient& registry, const Digest& digest,
                                const std::string& mount_from) {
  const auto find = [&]() -> Result<bool> {
    if (TRY(has_blob(registry, digest))) return true;
    if (mount_from.empty()) return false;
    const std::string location =
        TRY(begin_upload(registry, {.digest = digest, .open = {}, .mount_from = mount_from}));
    if (location.empty()) return true;
    // The registry has begun an upload instead. If it will not end it now, it does after some time.
    (void)registry.send({.method = "DELETE", .follow = false}, location, RegistryClient::Access::kPush);
    return false;
  };
  return TRY_CTX(find(), "looking for blob '{}' in '{}'", digest.str(), printable(registry.name()));
}

Result<PushedBlob> push_blob(RegistryClient& registry, const PushBlob& blob,
                             const std::function<void(std::uint64_t)>& progress) {
  const auto push = [&]() -> Result<PushedBlob> {
    if (TRY(has_blob(registry, blob.digest))) return PushedBlob::kPresent;
    for (int n = 1;; ++n) {
      const std::string location = TRY(begin_upload(registry, blob));
      if (location.empty()) return PushedBlob::kMounted;
      const auto sent = upload(registry, blob, location, progress);
      if (sent) return PushedBlob::kUploaded;
      const bool passes =
          sent.error().kind() == ErrorKind::kNetwork || sent.error().kind() == ErrorKind::kPermission;
      if (!passes || n == kUploads) return std::unexpected(sent.error());
      // Its answer may be all that was lost.
      if (has_blob(registry, blob.digest).value_or(false)) return PushedBlob::kUploaded;
    }
  };
  return TRY_CTX(push(), "pushing blob '{}' to '{}'", blob.digest.str(), printable(registry.name()));
}

Result<> push_manifest(RegistryClient& registry, const std::string& tag_or_digest,
                       const std::string& media_type, const std::string& bytes) {
  const HttpRequest request{.method = "PUT",
                            .headers = {{"Content-Type", media_type}},
                            .body = bytes,
                            .follow = false,
                            .repeatable = true};
  const std::string path = fmt::format("/v2/{}/manifests/{}", registry.endpoint().repository, tag_or_digest);
  const auto put = [&]() -> Result<> {
    const HttpResponse response = TRY(registry.send(request, path, RegistryClient::Access::kPush));
    if (response.status != 201) return std::unexpected(status_error(request, response));
    const std::string stated = response.headers.first("docker-content-digest");
    if (const auto digest = Digest::parse(stated); digest && hash_of(algorithm_of(*digest), bytes) != *digest)
      return fail(ErrorKind::kVerification, "the registry has stored it as '{}'", stated);
    return {};
  };
  TRY_CTX(put(), "pushing manifest '{}' to '{}'", printable(tag_or_digest), printable(registry.name()));
  return {};
}

}  // namespace agena::stage0
