#include "stage0/discovery/discovery.h"

#include <algorithm>
#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/discovery/meta_tags.h"
#include "stage0/discovery/url_template.h"

namespace agena::stage0 {
namespace {

// Most places that are asked for one name.
constexpr std::size_t kMaxParents = 16;

bool is_allowed(std::string_view url, bool plain_http) {
  return url.starts_with("https://") || (plain_http && url.starts_with("http://"));
}

// What one page has for us: nullopt for nothing, an error if it is wrong.
template <class Found>
using PageReader = std::function<Result<std::optional<Found>>(const std::vector<MetaTag>& tags, bool secure)>;

template <class Found>
Result<std::optional<Found>> look_at(const std::string& url, const PageGetter& get_page,
                                     const PageReader<Found>& read) {
  const DiscoveryPage page = TRY(get_page(url));
  auto found = TRY(read(TRY(read_meta_tags(page.body)), page.secure));
  if (!found) return fail(ErrorKind::kNotFound, "the page has no tag for this name");
  return found;
}

// Walks from the name up to its host until a page has what is wanted.
template <class Found>
Result<Found> walk(const std::string& name, bool plain_http, std::string_view what,
                   const PageGetter& get_page, const PageReader<Found>& read) {
  if (!name.contains('.') && !name.contains('/') && name != "localhost")
    return fail(ErrorKind::kNotFound, "'{}' is not the name of a host that could be asked for its {}",
                printable(name), what);
  ErrorList failures;
  std::string place = name;
  for (std::size_t i = 0; i < kMaxParents; ++i) {
    for (const char* scheme : {"https", "http"}) {
      if (!plain_http && std::string_view(scheme) == "http") continue;
      const std::string url = fmt::format("{}://{}?ac-discovery=1", scheme, place);
      log::debug("discovery: looking at {}", url);
      auto found = look_at(url, get_page, read);
      if (found) return **std::move(found);
      // A library that is missing is missing everywhere.
      if (found.error().kind() == ErrorKind::kUnsupported) return std::unexpected(std::move(found).error());
      failures.add(std::move(found).error().with_context(fmt::format("'{}://{}'", scheme, place)));
    }
    const std::size_t slash = place.rfind('/');
    if (slash == std::string::npos) break;
    place.resize(slash);
  }
  auto all = failures.to_result();
  return fail(ErrorKind::kNotFound, "discovery found no {} for '{}': {}", what, printable(name),
              all ? "nowhere to look" : all.error().to_string());
}

Result<std::string> checked_url(std::string url, bool plain_http) {
  if (is_allowed(url, plain_http)) return url;
  Error error(ErrorKind::kInvalidInput, fmt::format("'{}' is not {}", printable(url),
                                                    plain_http ? "an http or https URL" : "an https URL"));
  if (!url.starts_with("http://")) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).with_hint("--insecure-options=http allows images over plain http"));
}

}  // namespace

std::string signature_beside(const std::string& aci) {
  const std::size_t end = std::min(aci.find_first_of("?#"), aci.size());
  return aci.substr(0, end) + ".asc" + aci.substr(end);
}

Result<ImageEndpoint> discover_image(const DiscoveryQuery& query, const PageGetter& get_page) {
  auto values = query.labels;
  values["name"] = query.name;
  const PageReader<ImageEndpoint> read = [&](const std::vector<MetaTag>& tags,
                                             bool /*secure*/) -> Result<std::optional<ImageEndpoint>> {
    std::optional<Error> first_error;
    for (const MetaTag& tag : tags) {
      if (tag.name != "ac-discovery" || !query.name.starts_with(tag.prefix)) continue;
      values["ext"] = "aci";
      auto aci = render_url_template(tag.value, values);
      // A template with labels that the image was not asked for by is for others.
      if (!aci) {
        if (!first_error) first_error = std::move(aci).error();
        continue;
      }
      values["ext"] = "aci.asc";
      ImageEndpoint found{.aci = TRY(checked_url(*std::move(aci), query.plain_http)), .signature = {}};
      found.signature = TRY(checked_url(TRY(render_url_template(tag.value, values)), query.plain_http));
      if (found.signature == found.aci) found.signature = signature_beside(found.aci);
      return found;
    }
    if (first_error) return std::unexpected(*std::move(first_error));
    return std::nullopt;
  };
  return walk(query.name, query.plain_http, "image", get_page, read);
}

Result<KeyEndpoints> discover_keys(const std::string& name, bool plain_http, const PageGetter& get_page) {
  const PageReader<KeyEndpoints> read = [&](const std::vector<MetaTag>& tags,
                                            bool secure) -> Result<std::optional<KeyEndpoints>> {
    KeyEndpoints found{.secure = secure, .urls = {}};
    for (const MetaTag& tag : tags) {
      if (tag.name != "ac-discovery-pubkeys" || !name.starts_with(tag.prefix)) continue;
      std::string key = TRY(checked_url(tag.value, plain_http));
      if (std::ranges::find(found.urls, key) == found.urls.end()) found.urls.push_back(std::move(key));
    }
    return found.urls.empty() ? std::nullopt : std::optional(std::move(found));
  };
  return walk(name, plain_http, "keys", get_page, read);
}

}  // namespace agena::stage0
