#include "stage0/fetch/key_fetch.h"

#include "common/base/strings.h"
#include "stage0/fetch/aci_web.h"
#include "stage0/fetch/signature_gate.h"

namespace agena::stage0 {
namespace {

// `https`: whether all that led to the URL came from servers that proved who they are.
Result<> trust_at(AciWeb& web, const FetchSettings& settings, const std::string& prefix,
                  const std::string& url, bool https, const KeyReview& review, std::vector<AddedKey>& added) {
  const HttpResponse answer = TRY_CTX(web.get(url), "loading a key");
  if (answer.status != 200)
    return fail(ErrorKind::kNetwork, "key '{}': bad HTTP status code: {}", shown_url(url), answer.status);
  return trust_keys(key_store_of(settings), prefix, shown_url(url), https && answer.secure, answer.body,
                    review, added);
}

}  // namespace

Result<> trust_keys_at(const FetchSettings& settings, const InsecureOptions& insecure,
                       const std::string& prefix, const std::string& url, const KeyReview& review,
                       std::vector<AddedKey>& added) {
  AciWeb web(settings, insecure, true);
  return trust_at(web, settings, prefix, url, true, review, added);
}

Result<> trust_discovered_keys(const FetchSettings& settings, const InsecureOptions& insecure,
                               const std::string& name, const KeyReview& review,
                               std::vector<AddedKey>& added) {
  AciWeb web(settings, insecure, true);
  const KeyEndpoints found = TRY(discover_keys(name, web.plain_http(), web.page_getter()));
  // A key is as good as the weaker of the page that names it and the answer that it comes in.
  for (const std::string& url : found.urls)
    TRY(trust_at(web, settings, name, url, found.secure, review, added));
  return {};
}

}  // namespace agena::stage0
