// The web as ACIs are fetched from it: one client with the settings and credentials of this installation.
// Internal to stage0/fetch.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "stage0/config/config.h"
#include "stage0/discovery/discovery.h"
#include "stage0/fetch/fetch_options.h"
#include "stage0/http/http_client.h"

namespace agena::stage0 {

// The largest signature, page or file of keys that is read.
inline constexpr std::size_t kMaxSmallBody = 1U << 20U;

class AciWeb {
 public:
  // `settings` must outlive it. `keys`: it is keys that are looked for, so that --insecure-options=pubkey
  // allows plain http too.
  AciWeb(const FetchSettings& settings, const InsecureOptions& insecure, bool keys = false);

  // Whether plain http is allowed with every host.
  bool plain_http() const { return plain_http_; }

  // Made when it is first asked for.
  Result<HttpClient*> client();
  // A GET of the URL, with the credentials that auth.d has for its host. Credentials in the URL itself are
  // refused: they would end up in logs.
  Result<HttpRequest> request(const std::string& url);
  // The answer to a GET, of at most kMaxSmallBody bytes. Statuses beside 200 and 202 are errors.
  Result<HttpResponse> get(const std::string& url);
  // For discovery.
  PageGetter page_getter();

 private:
  Result<const Config*> config();
  const FetchSettings& settings_;
  InsecureOptions insecure_;
  bool plain_http_;
  std::optional<Config> config_;
  std::unique_ptr<HttpClient> client_;
};

}  // namespace agena::stage0
