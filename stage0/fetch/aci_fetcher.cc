#include "stage0/fetch/aci_fetcher.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/discovery/discovery.h"
#include "stage0/fetch/key_fetch.h"
#include "stage0/http/download.h"
#include "stage0/http/url.h"
#include "stage0/image/derive_manifest.h"
#include "stage0/trust/key_store.h"

namespace agena::stage0 {
namespace {

constexpr std::uint64_t kMaxAciBytes = 1ULL << 40U;
constexpr std::size_t kMaxChain = 32;
// An ACI is hardly larger than what is unpacked of it: by what compression costs that gains nothing.
constexpr std::uint64_t kAciOverhead = 1ULL << 20U;

std::uint64_t download_limit(std::uint64_t max_unpacked) {
  return max_unpacked >= kMaxAciBytes ? kMaxAciBytes : max_unpacked + max_unpacked / 64 + kAciOverhead;
}

// "example.com/app:1.0".
std::string shown(const schema::ImageManifest& manifest) {
  const std::string* version = manifest.labels.find("version");
  return manifest.name.str() + (version == nullptr ? "" : ":" + printable(*version));
}

bool has_labels(const schema::ImageManifest& manifest, const schema::Labels& labels) {
  return std::ranges::all_of(labels, [&](const schema::Label& label) {
    const std::string* value = manifest.labels.find(label.name.str());
    return value != nullptr && *value == label.value;
  });
}

std::string text_of(const schema::Dependency& dependency) {
  std::vector<std::string> labels;
  for (const schema::Label& label : dependency.labels)
    labels.push_back(fmt::format(",{}={}", label.name.str(), printable(label.value)));
  std::ranges::sort(labels);
  return dependency.image_name.str() + join(labels, "") +
         (dependency.image_id ? "," + dependency.image_id->key().str() : "");
}

// Seconds for which an answer may be used without asking again (RFC 9111: no-store and no-cache are 0).
std::uint64_t max_age_of(const HttpHeaders& headers) {
  std::uint64_t age = 0;
  for (const std::string& value : headers.each("cache-control"))
    for (const std::string& part : split(value, ',')) {
      const std::string directive = to_lower(trim(part));
      if (directive == "no-store" || directive == "no-cache") return 0;
      if (directive.starts_with("max-age=")) age = parse_uint(directive.substr(8)).value_or(0);
    }
  return age;
}

bool is_fresh(const RemoteEntry& entry) {
  const Nanoseconds age = now() - entry.fetched;
  return age >= 0 && static_cast<std::uint64_t>(age / kSecond) < entry.max_age;
}

Result<> check_wanted(const AciCandidate& image, const WantedImage& wanted) {
  const schema::ImageManifest& manifest = image.manifest;
  if (!wanted.name.empty() && manifest.name.str() != wanted.name)
    return fail(ErrorKind::kVerification, "the image is '{}', not '{}'", manifest.name.str(),
                printable(wanted.name));
  for (const auto& [name, value] : wanted.labels) {
    const std::string* has = manifest.labels.find(name);
    if (has == nullptr)
      return fail(ErrorKind::kVerification, "the image has no label '{}', but {}={} was asked for",
                  printable(name), printable(name), printable(value));
    if (*has != value)
      return fail(ErrorKind::kVerification, "the image has the label {}={}, but {}={} was asked for",
                  printable(name), printable(*has), printable(name), printable(value));
  }
  if (!wanted.id.empty() && image.id != wanted.id)
    return fail(ErrorKind::kVerification, "the image is {}, but {} was asked for", image.id, wanted.id);
  return {};
}

}  // namespace

AciFetcher::AciFetcher(Store& store, const FetchSettings& settings, const FetchOptions& options,
                       const ProgressCallback& progress)
    : store_(store),
      settings_(settings),
      options_(options),
      progress_(progress),
      web_(settings, options.insecure),
      policy_(options.policy) {}

// What all imports have in common; the gate is looked at when bytes come.
ImportOptions AciFetcher::import_options(std::optional<SignatureGate>& gate) const {
  ImportOptions import{.platform = options_.platform, .max_bytes = options_.max_bytes};
  import.verify = [&gate](ByteSource& bytes) -> Result<std::optional<Digest>> {
    if (!gate) return std::nullopt;
    return TRY(gate->verify(bytes));
  };
  import.dependencies = [this](const ImageRecord& image) { return counts(image); };
  return import;
}

// Whether an image of the store may be what the image needs that is being fetched.
bool AciFetcher::counts(const ImageRecord& image) const {
  return !strict_ || is_trusted_image(image, settings_);
}

Result<ImageRecord> AciFetcher::from_file(const Reference& reference) {
  if (policy_ == PullPolicy::kUpdate) policy_ = PullPolicy::kNew;
  std::optional<SignatureGate> gate;
  ImageTrust trust;
  ImportOptions import = import_options(gate);
  import.opened = [&](const std::string& real_path) -> Result<> {
    trust.installed = lies_in_trusted_directory(real_path, settings_);
    const auto path = TRY(signature_for_file(reference.path, real_path, settings_, options_));
    if (!path) return {};
    gate.emplace(key_store_of(settings_), TRY(read_signature_file(*path)), *path);
    strict_ = true;
    return {};
  };
  import.accept = [&](const AciCandidate& image) -> Result<ImageTrust> {
    trust.add(TRY(accept(image, {}, gate ? &*gate : nullptr)));
    return trust;
  };
  return import_image(store_, reference, import, progress_);
}

Result<ImageRecord> AciFetcher::from_url(const std::string& url, const std::string& name) {
  return fetch({.url = url, .signature_url = signature_beside(url), .wanted = {}, .store_name = name});
}

Result<ImageRecord> AciFetcher::from_name(const std::string& name,
                                          std::map<std::string, std::string> labels) {
  labels.try_emplace("os", "linux");
  labels.try_emplace("arch", arch_label(options_.platform));
  return discover({.name = name, .labels = std::move(labels)});
}

// --- by discovery ---

Result<ImageRecord> AciFetcher::discover(const WantedImage& wanted) {
  if (!options_.insecure.image) TRY(offer_keys(wanted.name));
  DiscoveryQuery query{.name = wanted.name, .labels = wanted.labels, .plain_http = web_.plain_http()};
  query.labels.try_emplace("version", "latest");
  const ImageEndpoint endpoint = TRY(discover_image(query, web_.page_getter()));
  return fetch({.url = endpoint.aci, .signature_url = endpoint.signature, .wanted = wanted});
}

// If no key is trusted for the name, those that discovery finds are offered to the user.
Result<> AciFetcher::offer_keys(const std::string& name) {
  if (!settings_.review_key) return {};
  for (const TrustedKey& key : TRY(list_trusted_keys(key_store_of(settings_))))
    if (prefix_covers(key.prefix, name)) return {};
  std::vector<AddedKey> added;
  auto done = trust_discovered_keys(settings_, options_.insecure, name, settings_.review_key, added);
  if (done) return {};
  // Without keys the signature will not do, and that error says more; but an answer that is missing counts.
  if (done.error().kind() == ErrorKind::kInvalidInput) return done;
  log::debug("no keys for '{}': {}", name, done.error().to_string());
  return {};
}

// --- one ACI on the web ---

bool AciFetcher::is_signature_given() const {
  return !options_.signature.empty() && !options_.insecure.image && chain_.empty();
}

std::optional<ImageRecord> AciFetcher::known_image(const std::optional<RemoteEntry>& entry) const {
  // What the user's signature says is of the bytes, so it is these that are wanted.
  if (is_signature_given()) return std::nullopt;
  if (!entry || (!entry->verified && !options_.insecure.image)) return std::nullopt;
  auto image = store_.read_image(entry->image_id);
  // One that has lost a layer is fetched again, whole: an answer without a body would not mend it.
  if (!image || !store_.is_complete(*image).value_or(false)) return std::nullopt;
  // A key that is trusted no longer takes with it what was signed with it.
  if (!options_.insecure.image && !is_trusted_image(*image, settings_)) return std::nullopt;
  return *std::move(image);
}

// Whether an image that came from the URL before will do.
bool AciFetcher::is_enough() const { return policy_ != PullPolicy::kUpdate; }

Result<std::optional<AciFetcher::Signature>> AciFetcher::signature_of(const RemoteAci& remote, bool last) {
  if (options_.insecure.image) return std::nullopt;
  // A signature that the user gives is of the image that the user names, not of those that it depends on.
  if (is_signature_given())
    return Signature{.bytes = TRY(read_signature_file(options_.signature)), .source = options_.signature};
  const std::string source = shown_url(remote.signature_url);
  log::debug("fetching signature from {}", source);
  auto answer = web_.get(remote.signature_url);
  if (!answer)
    return std::unexpected(std::move(answer)
                               .error()
                               .with_context(fmt::format("no signature at '{}'", source))
                               .with_hint("--signature=FILE names a signature, --insecure-options=image does "
                                          "without"));
  if (answer->status == 202 && last)
    return fail(ErrorKind::kNetwork, "signature '{}': the server has put it off (status 202)", source);
  if (answer->status == 202) return Signature{.bytes = {}, .source = source};
  return Signature{.bytes = std::move(answer->body), .source = source};
}

Result<HttpHeaders> AciFetcher::download(const RemoteAci& remote, const RemoteEntry* known, PartialFile& file,
                                         bool& unchanged) {
  HttpRequest request = TRY(web_.request(remote.url));
  if (known != nullptr && !known->etag.empty())
    request.headers.emplace_back("If-None-Match", known->etag);
  else if (known != nullptr && !known->last_modified.empty())
    request.headers.emplace_back("If-Modified-Since", known->last_modified);
  request.headers.emplace_back("Accept", "application/aci, application/octet-stream, */*;q=0.5");
  LayerProgress told{
      .index = 0, .count = 1, .name = shown_url(remote.url), .state = {}, .done = 0, .total = 0};
  told.name = told.name.substr(told.name.rfind('/') + 1);
  const DownloadProgress progress = [&](std::uint64_t done, std::uint64_t total) {
    told.state = LayerProgress::State::kUnpacking;
    told.done = done;
    told.total = total;
    if (progress_) progress_(told);
  };
  log::debug("remote fetching from URL \"{}\"", shown_url(remote.url));
  HttpClient* client = TRY(web_.client());
  auto answer = stage0::download(*client, request, file, download_limit(options_.max_bytes), progress);
  if (!answer) return std::unexpected(std::move(answer).error());
  unchanged = answer->status == 304;
  return std::move(answer->headers);
}

Result<ImageRecord> AciFetcher::import(const RemoteAci& remote, const PartialFile& file,
                                       const std::optional<Signature>& signature, bool& good) {
  std::optional<SignatureGate> gate;
  if (signature) gate.emplace(key_store_of(settings_), signature->bytes, signature->source);
  ImportOptions import = import_options(gate);
  import.accept = [&](const AciCandidate& image) -> Result<ImageTrust> {
    ImageTrust trust = TRY(check(image, remote.wanted, gate ? &*gate : nullptr));
    good = true;
    TRY(fetch_dependencies(image.manifest));
    return trust;
  };
  if (!remote.store_name.empty()) import.names = {remote.store_name};
  return import_open_aci(store_, file.fd(), file.size(), shown_url(remote.url), import, progress_);
}

// An image that the server still has: its dependencies may be newer.
Result<ImageRecord> AciFetcher::reuse(const RemoteAci& remote, const ImageRecord& image) {
  log::debug("using image from local store for url {}", shown_url(remote.url));
  TRY_CTX(accept({.id = image.id, .manifest = image.manifest}, remote.wanted, nullptr), "ACI '{}'",
          shown_url(remote.url));
  ImageRecord known = image;
  // Over dependencies that nobody has verified it is not what was signed.
  if (!strict_) known.trust = {};
  return refresh_aci(store_, known, [this](const ImageRecord& one) { return counts(one); });
}

Result<ImageRecord> AciFetcher::fetch(const RemoteAci& remote) {
  // Names alone do not tell: discovery may lead two of them to one URL.
  if (std::ranges::find(urls_, remote.url) != urls_.end())
    return fail(ErrorKind::kInvalidInput, "the dependencies lead in a circle: {}",
                chain_to("'" + shown_url(remote.url) + "'"));
  urls_.push_back(remote.url);
  const bool before = std::exchange(strict_, !options_.insecure.image);
  auto image = fetch_once(remote);
  strict_ = before;
  urls_.pop_back();
  return image;
}

Result<PartialFile> AciFetcher::open_partial(const RemoteAci& remote, bool& waited) {
  const std::string key = "aci " + remote.url;
  // Who holds another's partial file does not wait: two images may need each other, or what the other needs.
  if (urls_.size() > 1) return PartialFile::open_now(store_, key);
  return PartialFile::open(store_, key, [&] {
    log::info("waiting for another process that fetches '{}'", shown_url(remote.url));
    waited = true;
  });
}

// What is known of URLs and downloads only saves time; that it cannot be written fails nothing.
void AciFetcher::remember(const std::string& url, const RemoteEntry& entry) {
  if (const auto noted = remember_remote(store_, url, entry); !noted)
    log::debug("store: {}", noted.error().to_string());
}

void AciFetcher::forget(PartialFile& file) {
  if (const auto removed = file.remove(); !removed) log::debug("store: {}", removed.error().to_string());
}

Result<ImageRecord> AciFetcher::fetch_once(const RemoteAci& remote) {
  std::optional<RemoteEntry> entry = TRY(find_remote(store_, remote.url));
  std::optional<ImageRecord> known = known_image(entry);
  if (known && (is_fresh(*entry) || is_enough())) return reuse(remote, *known);
  log::debug("fetching image from {}", shown_url(remote.url));
  // For an image that is new the signature comes first: without one the rest is not worth the time.
  std::optional<Signature> signature;
  if (!known) signature = TRY(signature_of(remote, false));
  bool waited = false;
  PartialFile file = TRY(open_partial(remote, waited));
  if (waited) {
    entry = TRY(find_remote(store_, remote.url));
    known = known_image(entry);
    if (known && is_enough()) {
      forget(file);
      return reuse(remote, *known);
    }
  }
  bool unchanged = false;
  const HttpHeaders headers = TRY(download(remote, known ? &*entry : nullptr, file, unchanged));
  RemoteEntry fresh{.shown = shown_url(remote.url),
                    .image_id = {},
                    .etag = headers.first("etag"),
                    .last_modified = headers.first("last-modified"),
                    .fetched = now(),
                    .max_age = max_age_of(headers),
                    .verified = !options_.insecure.image};
  if (unchanged && !known)
    return fail(ErrorKind::kNetwork,
                "'{}': the server says that it has not changed, and nothing is known of it",
                shown_url(remote.url));
  if (unchanged) {
    // An answer without a body need not repeat what has not changed.
    if (fresh.etag.empty()) fresh.etag = entry->etag;
    if (fresh.last_modified.empty()) fresh.last_modified = entry->last_modified;
    fresh.image_id = known->id;
    fresh.verified = entry->verified;
    forget(file);
    remember(remote.url, fresh);
    return reuse(remote, *known);
  }
  if (!signature || signature->bytes.empty()) signature = TRY(signature_of(remote, true));
  bool good = false;
  auto image = import(remote, file, signature, good);
  // Bytes that are no good are not to be gone on with; those that only miss a dependency are.
  if (image || !good) forget(file);
  if (!image) return image;
  fresh.image_id = image->id;
  remember(remote.url, fresh);
  return image;
}

// --- dependencies ---

Result<ImageTrust> AciFetcher::check(const AciCandidate& image, const WantedImage& wanted,
                                     const SignatureGate* gate) {
  ImageTrust trust;
  if (gate != nullptr) trust.signers = TRY(gate->accept(image.manifest.name.str()));
  TRY(check_wanted(image, wanted));
  return trust;
}

Result<ImageTrust> AciFetcher::accept(const AciCandidate& image, const WantedImage& wanted,
                                      const SignatureGate* gate) {
  ImageTrust trust = TRY(check(image, wanted, gate));
  TRY(fetch_dependencies(image.manifest));
  return trust;
}

std::string AciFetcher::chain_to(const std::string& last) const {
  std::string text;
  for (const schema::ImageManifest* manifest : chain_) text += shown(*manifest) + " -> ";
  return text + last;
}

Result<> AciFetcher::fetch_dependencies(const schema::ImageManifest& manifest) {
  if (manifest.dependencies.empty() || policy_ == PullPolicy::kNever) return {};
  chain_.push_back(&manifest);
  Result<> done;
  for (const schema::Dependency& dependency : manifest.dependencies)
    if (done) done = fetch_dependency(dependency);
  chain_.pop_back();
  return done;
}

Result<> AciFetcher::fetch_dependency(const schema::Dependency& dependency) {
  const std::string text = text_of(dependency);
  if (std::ranges::any_of(chain_, [&](const schema::ImageManifest* above) {
        return above->name == dependency.image_name && has_labels(*above, dependency.labels);
      }))
    return fail(ErrorKind::kInvalidInput, "the dependencies lead in a circle: {}",
                chain_to(dependency.image_name.str()));
  if (chain_.size() >= kMaxChain)
    return fail(ErrorKind::kInvalidInput, "the dependencies are more than {} deep: {}", kMaxChain,
                chain_to(dependency.image_name.str()));
  if (done_.contains(text)) return {};
  const bool newest = policy_ == PullPolicy::kUpdate && !dependency.image_id;
  bool damaged = false;
  if (!newest) {
    const auto present =
        dependency.image_id
            ? store_.read_image(dependency.image_id->key().str())
            : store_.find_app_image(dependency.image_name, dependency.labels,
                                    [this](const ImageRecord& image) { return counts(image); });
    if (!present && present.error().kind() != ErrorKind::kNotFound) return std::unexpected(present.error());
    damaged = present && !TRY(store_.is_complete(*present));
    if (present && !damaged) {
      done_.insert(text);
      return {};
    }
  }
  WantedImage wanted{.name = dependency.image_name.str(),
                     .labels = {},
                     .id = dependency.image_id ? dependency.image_id->key().str() : ""};
  for (const schema::Label& label : dependency.labels) wanted.labels[label.name.str()] = label.value;
  wanted.labels.try_emplace("os", "linux");
  wanted.labels.try_emplace("arch", arch_label(options_.platform));
  auto fetched = discover(wanted);
  // What was rendered over a damaged one may still be whole.
  if (!fetched && damaged)
    log::debug("dependency '{}' is damaged, and stays so: {}", text, fetched.error().to_string());
  else
    TRY_CTX(std::move(fetched), "dependency '{}' of '{}'", text, shown(*chain_.back()));
  done_.insert(text);
  return {};
}

}  // namespace agena::stage0
