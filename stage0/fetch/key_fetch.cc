#include "stage0/fetch/key_fetch.h"

#include "common/base/strings.h"
#include "stage0/fetch/aci_web.h"
#include "stage0/fetch/signature_gate.h"

namespace agena::stage0 {
namespace {

// `https`: whether all that led to the URL came from servers that proved who they are.
Result<std::vector<AddedKey>> trust_at(AciWeb& web, const FetchSettings& settings, const std::string& prefix,
                                       const std::string& url, bool https, const KeyReview& review) {
  const HttpResponse answer = TRY_CTX(web.get(url), "loading a key");
  if (answer.status != 200)
    return fail(ErrorKind::kNetwork, "key '{}': bad HTTP status code: {}", shown_url(url), answer.status);
  return trust_keys(key_store_of(settings), prefix, shown_url(url),
                    https && answer.url.starts_with("https://"), answer.body, review);
}

}  // namespace

Result<std::vector<AddedKey>> trust_keys_at(const FetchSettings& settings, const InsecureOptions& insecure,
                                            const std::string& prefix, const std::string& url,
                                            const KeyReview& review) {
  AciWeb web(settings, insecure, true);
  return trust_at(web, settings, prefix, url, !insecure.tls && url.starts_with("https://"), review);
}

Result<std::vector<AddedKey>> trust_discovered_keys(const FetchSettings& settings,
                                                    const InsecureOptions& insecure, const std::string& name,
                                                    const KeyReview& review) {
  AciWeb web(settings, insecure, true);
  const KeyEndpoints found = TRY(discover_keys(name, web.plain_http(), web.page_getter()));
  std::vector<AddedKey> added;
  // A key is as good as the weaker of the page that names it and the answer that it comes in.
  const bool page_by_https = !insecure.tls && found.page.starts_with("https://");
  for (const std::string& url : found.urls) {
    const bool https = page_by_https && url.starts_with("https://");
    for (AddedKey& key : TRY(trust_at(web, settings, name, url, https, review)))
      added.push_back(std::move(key));
  }
  return added;
}

}  // namespace agena::stage0
