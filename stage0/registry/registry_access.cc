#include "stage0/registry/registry_access.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/config/auth_file.h"
#include "stage0/config/config.h"
#include "stage0/config/containers_files.h"
#include "stage0/config/registries_conf.h"
#include "stage0/registry/certificates.h"
#include "stage0/registry/credential_helper.h"

namespace agena::stage0 {
namespace {

constexpr const char* kHub = "docker.io";
constexpr const char* kHubHost = "registry-1.docker.io";
// What docker calls it in its own files, and asks helpers for.
constexpr const char* kHubServer = "https://index.docker.io/v1/";

Result<RegistriesConf> read_registries(const ContainersFiles& files) {
  RegistriesConf conf;
  if (const auto bytes = TRY(read_containers_file(files.registries)))
    TRY(conf.add(*bytes, files.registries.path));
  for (const std::string& directory : files.registries_dirs) {
    const auto names = sys::list_dir(sys::at_cwd(), directory);
    if (!names && names.error().kind() == ErrorKind::kNotFound) continue;
    for (const std::string& name : TRY_CTX(names, "reading configuration")) {
      if (!name.ends_with(".conf")) continue;
      const std::string path = directory + "/" + name;
      if (const auto bytes = TRY(read_containers_file({.path = path}))) TRY(conf.add(*bytes, path));
    }
  }
  return conf;
}

// Where credentials come from: rkt's auth.d, then the files of containers-common and docker, each with its
// helpers. The files are read when they are first needed.
class CredentialFiles {
 public:
  CredentialFiles(std::vector<std::string> config_directories, std::vector<ContainersFiles::File> files)
      : config_directories_(std::move(config_directories)), files_(std::move(files)) {}

  Result<std::optional<RegistryCredentials>> find(const std::string& host, const std::string& repository) {
    const std::string registry = normalise_auth_key(host);
    const std::lock_guard guard(mutex_);
    if (auto found = TRY(find_in_config(registry))) return found;
    for (const ContainersFiles::File& file : files_) {
      const auto bytes = TRY(read_containers_file(file));
      if (!bytes) continue;
      if (auto found = TRY(find_in_file(TRY(parse_auth_file(*bytes, file.path)), registry, repository)))
        return found;
    }
    return std::nullopt;
  }

 private:
  Result<std::optional<RegistryCredentials>> find_in_config(const std::string& registry) {
    const Config config = TRY(load_config(config_directories_, kAuthParts));
    for (const auto& [name, basic] : config.registry_auth)
      if (normalise_auth_key(name) == registry)
        return RegistryCredentials{.user = basic.user, .password = basic.password};
    return std::nullopt;
  }

  static Result<std::optional<RegistryCredentials>> ask(const std::string& helper,
                                                        const std::string& registry) {
    if (registry != kHub) return ask_credential_helper(helper, registry);
    if (auto found = TRY(ask_credential_helper(helper, kHubServer))) return found;
    return ask_credential_helper(helper, registry);
  }

  static Result<std::optional<RegistryCredentials>> find_in_file(const AuthFile& file,
                                                                 const std::string& registry,
                                                                 const std::string& repository) {
    if (const auto helper = file.helpers.find(registry); helper != file.helpers.end())
      return ask(helper->second, registry);
    if (const AuthEntry* entry = file.find(registry, repository))
      return RegistryCredentials{.user = entry->user,
                                 .password = entry->password,
                                 .identity_token = entry->identity_token,
                                 .registry_token = entry->registry_token};
    if (file.store.empty()) return std::nullopt;
    return ask(file.store, registry);
  }

  const std::vector<std::string> config_directories_;
  const std::vector<ContainersFiles::File> files_;
  std::mutex mutex_;
};

// "host/repository" as an endpoint.
RegistryEndpoint endpoint_of(const std::string& name, const std::string& domain, bool insecure) {
  const Cut parts = cut(name, '/');
  RegistryEndpoint endpoint{.host = std::string(parts.before),
                            .repository = std::string(parts.after),
                            .registry = std::string(parts.before),
                            .insecure = insecure};
  if (endpoint.host == kHub) endpoint.host = kHubHost;
  // Credentials are those of the server that is asked; docker.io's own has two names.
  if (parts.before == domain) endpoint.registry = domain;
  return endpoint;
}

}  // namespace

struct RegistryAccess::Parts {
  RegistryWaivers waivers;
  RegistriesConf registries;
  std::vector<std::string> certs_dirs;
  CredentialFiles credentials;
  HttpSettings settings;
  std::mutex mutex = {};
  // Under the mutex:
  std::map<std::string, std::optional<TlsSettings>> certificates = {};               // by host
  std::map<std::pair<std::string, bool>, std::unique_ptr<HttpClient>> clients = {};  // by host and `insecure`

  Result<std::optional<TlsSettings>> certificates_of(const std::string& host) {
    const std::lock_guard guard(mutex);
    auto it = certificates.find(host);
    if (it == certificates.end())
      it = certificates.emplace(host, TRY(read_certificates(certs_dirs, host))).first;
    return it->second;
  }

  Result<HttpHostSettings> host_settings(const Url& url, const RegistryEndpoint& endpoint) {
    const HostTerms terms = terms_of(url, endpoint, registries, waivers);
    HttpHostSettings found{.tls = {}, .allow_plain = terms.allow_plain, .plain_waived = terms.plain_waived};
    if (!url.is_tls()) return found;
    auto certificates_found = TRY(certificates_of(url.authority()));
    if (!certificates_found) certificates_found = TRY(certificates_of(url.host() + ":" + url.port()));
    if (certificates_found) found.tls = *std::move(certificates_found);
    found.tls.verify = terms.verify;
    return found;
  }

  Result<bool> may_send(const std::string& text, const RegistryEndpoint& endpoint) const {
    const Url url = TRY(Url::parse(text));
    return url.is_tls() || terms_of(url, endpoint, registries, waivers).plain_waived;
  }

  // The client for an endpoint. Those on the same server and terms share one, and its connections.
  HttpClient& client(const RegistryEndpoint& endpoint) {
    const std::lock_guard guard(mutex);
    std::unique_ptr<HttpClient>& made = clients[{endpoint.host, endpoint.insecure}];
    if (made) return *made;
    HttpSettings own = settings;
    own.host = [this, endpoint](const Url& url) { return host_settings(url, endpoint); };
    made = std::make_unique<HttpClient>(std::move(own));
    return *made;
  }
};

RegistryAccess::RegistryAccess(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
RegistryAccess::~RegistryAccess() = default;

Result<std::unique_ptr<RegistryAccess>> RegistryAccess::open(
    const std::vector<std::string>& config_directories, const RegistryWaivers& waivers) {
  const ContainersFiles files = containers_files();
  std::unique_ptr<Parts> parts(new Parts{.waivers = waivers,
                                         .registries = TRY(read_registries(files)),
                                         .certs_dirs = files.certs_dirs,
                                         .credentials = CredentialFiles(config_directories, files.auth),
                                         .settings = TRY(http_settings_from_environment())});
  return std::unique_ptr<RegistryAccess>(new RegistryAccess(std::move(parts)));
}

Result<std::vector<RegistryEndpoint>> RegistryAccess::endpoints(const std::string& domain,
                                                                const std::string& repository,
                                                                bool by_digest) const {
  const std::string name = domain + "/" + repository;
  const RegistryRule* rule = parts_->registries.find(name);
  std::vector<RegistryEndpoint> all;
  if (rule != nullptr) {
    if (rule->blocked)
      return fail(ErrorKind::kPermission, "registry '{}' is blocked by registries.conf (prefix '{}')",
                  printable(domain), printable(rule->prefix));
    for (const RegistryMirror& mirror : rule->mirrors) {
      const bool suits = mirror.pulls == RegistryMirror::Pulls::kAll ||
                         (mirror.pulls == RegistryMirror::Pulls::kByDigest) == by_digest;
      if (suits)
        all.push_back(
            endpoint_of(RegistriesConf::rewrite(*rule, mirror.location, name), domain, mirror.insecure));
    }
  }
  const std::string own = rule == nullptr ? name : RegistriesConf::rewrite(*rule, rule->location, name);
  all.push_back(endpoint_of(own, domain, rule != nullptr && rule->insecure));
  for (RegistryEndpoint& endpoint : all) {
    endpoint.plain_http = endpoint.insecure || parts_->waivers.http;
    endpoint.has_certificates = TRY(parts_->certificates_of(endpoint.host)).has_value();
  }
  return all;
}

Result<RegistryEndpoint> RegistryAccess::endpoint(const std::string& domain,
                                                  const std::string& repository) const {
  return TRY(endpoints(domain, repository, false)).back();
}

std::unique_ptr<RegistryClient> RegistryAccess::connect(const RegistryEndpoint& endpoint) {
  Parts* parts = parts_.get();
  return std::make_unique<RegistryClient>(
      parts->client(endpoint), endpoint,
      [parts](const std::string& registry, const std::string& repository) {
        return parts->credentials.find(registry, repository);
      },
      [parts, endpoint](const std::string& url) { return parts->may_send(url, endpoint); });
}

}  // namespace agena::stage0
