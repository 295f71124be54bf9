// Keys from the web: files at URLs, and those that discovery finds for a name. Nothing is trusted without the
// review saying so.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/fetch/fetch_options.h"
#include "stage0/trust/public_keys.h"

namespace agena::stage0 {

// Offers the keys in the file at a URL for a prefix (empty: all images). Plain http needs to be waived by
// `insecure` (http or pubkey). Keys that are trusted now are put behind `added`, also those before an error.
Result<> trust_keys_at(const FetchSettings& settings, const InsecureOptions& insecure,
                       const std::string& prefix, const std::string& url, const KeyReview& review,
                       std::vector<AddedKey>& added);

// Offers the keys that discovery finds for images of this name, for the name as prefix.
Result<> trust_discovered_keys(const FetchSettings& settings, const InsecureOptions& insecure,
                               const std::string& name, const KeyReview& review,
                               std::vector<AddedKey>& added);

}  // namespace agena::stage0
