// Asking the user whether to trust a key.
#pragma once

#include "stage0/trust/public_keys.h"

namespace agena::stage0 {

// When a key is trusted without asking.
struct ReviewRules {
  bool skip = false;         // always
  bool trust_https = false;  // if it came over https (--trust-keys-from-https)
};

// Shows a key on standard error and reads `yes` or `no` from the terminal. kInvalidInput if standard input is
// none.
KeyReview review_on_terminal(const ReviewRules& rules);

// The fingerprint in groups of four digits, upper case.
std::string grouped_fingerprint(std::string_view fingerprint);

}  // namespace agena::stage0
