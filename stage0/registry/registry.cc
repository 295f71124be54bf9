#include "stage0/registry/registry.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/http/backoff.h"
#include "stage0/registry/host_terms.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

constexpr const char* kManifestTypes =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::size_t kMaxTagPage = 4U << 20U;
constexpr std::size_t kMaxTags = 1'000'000;
constexpr int kMaxTagPages = 10'000;
constexpr std::size_t kMaxWarnings = 10;

// Without parameters ("; charset=utf-8").
std::string media_type_of(const HttpHeaders& headers) {
  return to_lower(trim(cut(headers.first("content-type"), ';').before));
}

// The media type that the bytes say themselves, or empty.
std::string stated_media_type(std::string_view bytes) {
  const auto json = json_text::parse(bytes);
  if (!json) return {};
  JsonProblems problems("manifest");
  const JsonNode root(*json, problems);
  if (!root.is_object()) return {};
  if (const auto type = root.find("mediaType")) return type->as_string().value_or("");
  // OCI's first version had none in the document.
  if (root.find("manifests")) return "application/vnd.oci.image.index.v1+json";
  return root.find("layers") ? "application/vnd.oci.image.manifest.v1+json" : "";
}

bool is_old_docker_type(std::string_view type) {
  return type.starts_with("application/vnd.docker.distribution.manifest.v1+");
}

// What the header says, unless it says nothing of the kind.
std::string manifest_type(const HttpHeaders& headers, std::string_view bytes) {
  std::string type = media_type_of(headers);
  const bool known = kind_of_media_type(type) != OciKind::kOther || is_old_docker_type(type);
  if (known) return type;
  const std::string stated = stated_media_type(bytes);
  return stated.empty() ? type : stated;
}

// RFC 9110 section 8.8 has dropped it, registries use it still: `299 - "text"`.
std::string warning_text(std::string_view header) {
  const std::size_t first = header.find('"');
  const std::size_t last = header.rfind('"');
  if (first == std::string_view::npos || last == first) return {};
  return printable(utf8_prefix(header.substr(first + 1, last - first - 1), 500));
}

// The target of rel="next" in a Link header (RFC 8288); empty if there is none.
std::string next_link(const HttpHeaders& headers) {
  for (const std::string& link : headers.each("link")) {
    const std::size_t open = link.find('<');
    const std::size_t close = link.find('>', open);
    if (open == std::string::npos || close == std::string::npos) continue;
    const std::string params = to_lower(link.substr(close));
    if (params.find("rel=\"next\"") == std::string::npos && params.find("rel=next") == std::string::npos)
      continue;
    return link.substr(open + 1, close - open - 1);
  }
  return {};
}

Result<> check_digest(const Digest& wanted, std::string_view bytes, std::string_view what) {
  const Digest found = hash_of(algorithm_of(wanted), bytes);
  if (found == wanted) return {};
  return fail(ErrorKind::kVerification, "{} has the digest '{}' instead of '{}'", what, found.str(),
              wanted.str());
}

}  // namespace

RegistryClient::RegistryClient(HttpClient& http, RegistryEndpoint endpoint,
                               const CredentialSource& credentials,
                               std::function<Result<bool>(const std::string& url)> may_send_credentials)
    : http_(http), endpoint_(std::move(endpoint)) {
  authorizer_ = std::make_unique<Authorizer>(
      http_, Authorizer::Settings{.registry = endpoint_.registry,
                                  .repository = endpoint_.repository,
                                  .credentials = credentials,
                                  .may_send = std::move(may_send_credentials),
                                  .registry_url = [this] { return url("/v2/"); }});
}

RegistryClient::~RegistryClient() = default;

std::string RegistryClient::scope(Access access) const {
  return fmt::format("repository:{}:{}", endpoint_.repository,
                     access == Access::kPull ? "pull" : "pull,push");
}

std::string RegistryClient::url(const std::string& path) const {
  if (path.starts_with("http://") || path.starts_with("https://")) return path;
  return fmt::format("{}://{}{}", scheme_, endpoint_.host, path);
}

// Whether a path is on this server: uploads may be sent elsewhere, but our name is not.
Result<bool> RegistryClient::is_own(const std::string& path) const {
  if (path.starts_with('/')) return true;
  return TRY(Url::parse(path)).same_origin(TRY(Url::parse(url("/"))));
}

void RegistryClient::show_warnings(const HttpHeaders& headers) {
  for (const std::string& header : headers.each("warning")) {
    const std::string text = warning_text(header);
    if (text.empty() || shown_warnings_.size() == kMaxWarnings) continue;
    if (std::ranges::find(shown_warnings_, text) != shown_warnings_.end()) continue;
    shown_warnings_.push_back(text);
    log::warning("registry '{}' says: {}", printable(endpoint_.host), text);
  }
}

// Finds out which protocol the server speaks, by the request that is to be made anyhow. On the loopback that
// is mostly plain http; elsewhere it is TLS, and http only where that is waived.
Result<std::unique_ptr<HttpStream>> RegistryClient::first_contact(HttpRequest request,
                                                                  const std::string& path) {
  const bool loopback = is_loopback_host(host_without_port(endpoint_.host));
  std::vector<std::string> schemes = {"https"};
  if (endpoint_.plain_http) schemes = {"https", "http"};
  if (loopback && !endpoint_.has_certificates) schemes = {"http", "https"};
  if (schemes.size() > 1) {
    request.once = true;
    for (const std::string& scheme : schemes) {
      scheme_ = scheme;
      request.url = url(path);
      auto stream = http_.open(request);
      if (!stream && stream.error().kind() != ErrorKind::kNetwork) return stream;
      if (!stream) continue;
      // What a server that wants TLS says to plain http.
      if ((*stream)->status() == 400 && scheme == "http") {
        const Error error = status_error(request, **stream);
        if (!error.message().contains("HTTPS") && !error.message().contains("SSL"))
          return std::unexpected(error);
        schemes = {"https"};
        break;
      }
      if (!is_passing_status((*stream)->status())) return stream;
      schemes = {scheme};
      break;
    }
  }
  // The likeliest again, with patience; its error is the one to tell.
  scheme_ = schemes.front();
  request.once = false;
  request.url = url(path);
  return http_.open(request);
}

Result<std::unique_ptr<HttpStream>> RegistryClient::open(HttpRequest request, const std::string& path,
                                                         Access access) {
  const std::string wanted = scope(access);
  if (!TRY(is_own(path))) {
    request.url = path;
    return http_.open(request);
  }
  request.authorization = authorizer_->known(wanted);
  std::unique_ptr<HttpStream> stream;
  if (scheme_.empty()) {
    stream = TRY(first_contact(request, path));
  } else {
    request.url = url(path);
    stream = TRY(http_.open(request));
  }
  request.url = url(path);
  // Only the registry itself may ask who we are, not a server that it has sent us to.
  if (stream->status() == 401 && stream->is_elsewhere())
    return std::unexpected(status_error(request, *stream));
  if (stream->status() == 401) {
    const auto challenges = stream->headers().each("www-authenticate");
    // Read, so that the connection can be used again.
    const Error refusal = status_error(request, *stream);
    stream.reset();
    request.authorization = TRY_CTX(authorizer_->answer(challenges, wanted, request.authorization), "{} '{}'",
                                    request.method, shown_url(request.url));
    // What was read of the content is gone. The caller begins anew, and is known by then.
    if (request.body_source != nullptr) return std::unexpected(refusal);
    stream = TRY(http_.open(request));
    if (stream->status() == 401) return std::unexpected(status_error(request, *stream));
  }
  show_warnings(stream->headers());
  return stream;
}

Result<HttpResponse> RegistryClient::send(HttpRequest request, const std::string& path, Access access) {
  for (unsigned n = 1;; ++n) {
    auto stream = TRY(open(request, path, access));
    auto body = read_body(*stream, request.max_body);
    if (body)
      return HttpResponse{.status = stream->status(),
                          .headers = stream->headers(),
                          .body = *std::move(body),
                          .url = stream->url()};
    if (body.error().kind() != ErrorKind::kNetwork)
      return fail(ErrorKind::kInvalidInput, "{} '{}': the answer is {}", request.method, stream->url(),
                  body.error().message());
    const bool again = request.method == "GET" && stream->worth_another();
    if (!again || n > http_.settings().retries) return std::unexpected(std::move(body).error());
    stream.reset();
    http_.pause(n, nullptr);
  }
}

Result<RemoteManifest> RegistryClient::manifest(const std::string& tag_or_digest) {
  const HttpRequest request{.headers = {{"Accept", kManifestTypes}}, .max_body = kMaxOciDocument};
  const std::string path = fmt::format("/v2/{}/manifests/{}", endpoint_.repository, tag_or_digest);
  HttpResponse response = TRY(send(request, path, Access::kPull));
  if (response.status != 200) {
    Error error = status_error(request, response);
    if (error.kind() == ErrorKind::kPermission)
      return std::unexpected(std::move(error).with_hint(kHowToLogIn));
    if (error.kind() != ErrorKind::kNotFound) return std::unexpected(std::move(error));
    return std::unexpected(std::move(error).with_hint(
        fmt::format("'image tags docker://{}' lists what the registry has of this name", printable(name()))));
  }
  const std::string what =
      fmt::format("the manifest '{}' of '{}'", printable(tag_or_digest), printable(name()));
  if (const std::string stated = response.headers.first("docker-content-digest"); !stated.empty())
    TRY(check_digest(TRY_CTX(Digest::parse(stated), "header Docker-Content-Digest"), response.body, what));
  const auto asked = Digest::parse(tag_or_digest);
  if (asked) TRY(check_digest(*asked, response.body, what));
  std::string type = manifest_type(response.headers, response.body);
  if (is_old_docker_type(type))
    return fail(ErrorKind::kUnsupported,
                "{} is in docker's old image format (schema 1), which is not supported", what);
  if (kind_of_media_type(type) == OciKind::kOther)
    return fail(ErrorKind::kUnsupported, "{} has the media type '{}': not an image", what, printable(type));
  return RemoteManifest{
      .descriptor = {.media_type = std::move(type),
                     .digest = asked ? *asked : hash_of(HashAlgorithm::kSha256, response.body),
                     .size = response.body.size()},
      .bytes = std::move(response.body)};
}

Result<std::string> RegistryClient::document(const OciDescriptor& descriptor) {
  if (descriptor.size > kMaxOciDocument)
    return fail(ErrorKind::kInvalidInput, "blob '{}' has {} bytes; documents of at most {} are read",
                descriptor.digest.str(), descriptor.size, kMaxOciDocument);
  const bool is_blob = kind_of_media_type(descriptor.media_type) == OciKind::kOther;
  HttpRequest request{.max_body = static_cast<std::size_t>(descriptor.size)};
  if (!is_blob) request.headers.emplace_back("Accept", kManifestTypes);
  const std::string path = fmt::format("/v2/{}/{}/{}", endpoint_.repository, is_blob ? "blobs" : "manifests",
                                       descriptor.digest.str());
  HttpResponse response = TRY(send(request, path, Access::kPull));
  if (response.status != 200) return std::unexpected(status_error(request, response));
  if (response.body.size() != descriptor.size)
    return fail(ErrorKind::kVerification, "blob '{}' has {} bytes instead of the stated {}",
                descriptor.digest.str(), response.body.size(), descriptor.size);
  TRY(check_digest(descriptor.digest, response.body, fmt::format("blob '{}'", descriptor.digest.str())));
  return std::move(response.body);
}

std::unique_ptr<ResumingSource> RegistryClient::blob(const OciDescriptor& descriptor, std::uint64_t offset) {
  const std::string path = fmt::format("/v2/{}/blobs/{}", endpoint_.repository, descriptor.digest.str());
  ResumePlan plan{.request = {}, .offset = offset, .size = descriptor.size};
  plan.request = [this, path](const HttpHeaders* refused) -> Result<HttpRequest> {
    const std::string wanted = scope(Access::kPull);
    HttpRequest request{.url = url(path), .authorization = authorizer_->known(wanted)};
    if (refused != nullptr)
      request.authorization =
          TRY(authorizer_->answer(refused->each("www-authenticate"), wanted, request.authorization));
    return request;
  };
  return std::make_unique<ResumingSource>(http_, std::move(plan));
}

Result<std::vector<std::string>> RegistryClient::tags() {
  std::vector<std::string> tags;
  std::string path = fmt::format("/v2/{}/tags/list?n=1000", endpoint_.repository);
  for (int page = 0; !path.empty(); ++page) {
    if (page == kMaxTagPages) return fail(ErrorKind::kNetwork, "'{}': the list of tags has no end", name());
    const HttpRequest request{.headers = {{"Accept", "application/json"}}, .max_body = kMaxTagPage};
    const HttpResponse response = TRY(send(request, path, Access::kPull));
    if (response.status != 200) return std::unexpected(status_error(request, response));
    const auto json = TRY_CTX(json_text::parse(response.body), "list of tags of '{}'", printable(name()));
    JsonProblems problems("list of tags");
    const JsonNode root(json, problems);
    const std::size_t before = tags.size();
    // A repository without any has null in some registries.
    if (const auto list = root.find("tags"))
      list->each([&](const JsonNode& tag) {
        if (auto text = tag.as_string()) tags.push_back(*std::move(text));
      });
    TRY(problems.to_result());
    if (tags.size() > kMaxTags) return fail(ErrorKind::kNetwork, "'{}': more than {} tags", name(), kMaxTags);
    const std::string link = next_link(response.headers);
    if (link.empty() || tags.size() == before) break;
    const Url here = TRY(Url::parse(url(path)));
    const Url next = TRY(here.resolve(link));
    if (!here.same_origin(next))
      return fail(ErrorKind::kNetwork, "'{}': the list of tags goes on at another server, '{}'", name(),
                  next.shown());
    path = TRY(next.text());
  }
  return tags;
}

}  // namespace agena::stage0
