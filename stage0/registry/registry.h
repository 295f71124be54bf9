// One repository of one registry: OCI's distribution API 1.1, which docker's registries speak too. Manifests,
// documents, blobs and tags in; what goes out is in push.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/http/http_client.h"
#include "stage0/http/resuming_source.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/registry/authorizer.h"

namespace agena::stage0 {

// Where a repository is, and on which terms.
struct RegistryEndpoint {
  std::string host;         // with port, if any: "registry-1.docker.io", "localhost:5000"
  std::string repository;   // there
  std::string registry;     // as references name it, and credentials are configured: "docker.io"
  bool insecure = false;    // marked so in registries.conf: plain http will do, certificates are not checked
  bool plain_http = false;  // that, or waived: plain http will do
  bool has_certificates = false;  // certs.d has some for the host: it speaks TLS
};

// A manifest or an index, as it was sent.
struct RemoteManifest {
  OciDescriptor descriptor;  // media type, digest of the bytes, length
  std::string bytes;
};

class RegistryClient {
 public:
  // The client must outlive it.
  RegistryClient(HttpClient& http, RegistryEndpoint endpoint, const CredentialSource& credentials,
                 std::function<Result<bool>(const std::string& url)> may_send_credentials);
  ~RegistryClient();
  RegistryClient(const RegistryClient&) = delete;
  RegistryClient& operator=(const RegistryClient&) = delete;

  const RegistryEndpoint& endpoint() const { return endpoint_; }
  // "localhost:5000/team/app"
  std::string name() const { return endpoint_.host + "/" + endpoint_.repository; }

  // A manifest or index by tag or digest, digest checked. kNotFound: there is none.
  Result<RemoteManifest> manifest(const std::string& tag_or_digest);
  // A blob or manifest of at most kMaxOciDocument bytes, digest and size checked.
  Result<std::string> document(const OciDescriptor& descriptor);
  // A blob from an offset on. The stream enforces the size; the digest is for the reader to check. Only after
  // one of the others has found out how the server is spoken to. The registry client must outlive the stream.
  std::unique_ptr<ResumingSource> blob(const OciDescriptor& descriptor, std::uint64_t offset);
  // All tags of the repository, in the server's order.
  Result<std::vector<std::string>> tags();

  // The URL of a path below the root of the server; whole URLs stay as they are.
  std::string url(const std::string& path) const;

  // Sends a request for a path below /v2/ (or for a whole URL of this server, as Location headers give) with
  // authorization for what it does. Whatever its status, but 401.
  enum class Access { kPull, kPush };
  Result<HttpResponse> send(HttpRequest request, const std::string& path, Access access);

 private:
  std::string scope(Access access) const;
  Result<std::unique_ptr<HttpStream>> open(HttpRequest request, const std::string& path, Access access);
  Result<std::unique_ptr<HttpStream>> first_contact(HttpRequest request, const std::string& path);
  Result<bool> is_own(const std::string& path) const;
  void show_warnings(const HttpHeaders& headers);

  HttpClient& http_;
  const RegistryEndpoint endpoint_;
  std::string scheme_;  // empty until the server has answered
  std::unique_ptr<Authorizer> authorizer_;
  std::vector<std::string> shown_warnings_;
};

}  // namespace agena::stage0
