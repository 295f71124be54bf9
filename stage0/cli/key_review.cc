#include "stage0/cli/key_review.h"

#include <unistd.h>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

std::string day_of(std::int64_t seconds) { return rfc3339(seconds * 1'000'000'000).substr(0, 10); }

std::string described(const KeyOffer& offer) {
  const OpenPgpKey& key = offer.key;
  std::string text = fmt::format("prefix: {}\nkey: '{}'\nfingerprint: {}\n",
                                 offer.prefix.empty() ? "all images" : "'" + offer.prefix + "'",
                                 printable(offer.source), grouped_fingerprint(key.fingerprint));
  for (const std::string& identity : key.identities) text += fmt::format("  {}\n", printable(identity));
  for (std::size_t i = 1; i < key.fingerprints.size(); ++i)
    text += fmt::format("  subkey {}\n", grouped_fingerprint(key.fingerprints[i]));
  if (key.created > 0) text += fmt::format("made on {}", day_of(key.created));
  if (key.expires > 0)
    text += fmt::format(", {} on {}", key.expired ? "EXPIRED" : "expires", day_of(key.expires));
  if (key.revoked) text += ", REVOKED";
  return text + "\n";
}

// A line of standard input without its end; nullopt at the end of the input.
Result<std::optional<std::string>> read_line() {
  std::string line;
  while (line.size() < 4096) {
    char byte = 0;
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return sys_fail("reading the answer");
    if (got == 0 && line.empty()) return std::nullopt;
    if (got == 0 || byte == '\n') break;
    line.push_back(byte);
  }
  return line;
}

Result<bool> ask() {
  while (true) {
    TRY(sys::write_all(STDERR_FILENO, "Are you sure that you want to trust this key (yes/no)? "));
    const auto answer = TRY(read_line());
    if (!answer) return fail(ErrorKind::kInvalidInput, "no answer whether to trust the key");
    const std::string word = to_lower(trim(*answer));
    if (word == "yes" || word == "no") return word == "yes";
    TRY(sys::write_all(STDERR_FILENO, "Please answer 'yes' or 'no'.\n"));
  }
}

}  // namespace

std::string grouped_fingerprint(std::string_view fingerprint) {
  std::string text;
  for (std::size_t i = 0; i < fingerprint.size(); ++i) {
    if (i > 0 && i % 4 == 0) text += ' ';
    const char digit = fingerprint[i];
    text += digit >= 'a' && digit <= 'f' ? static_cast<char>(digit - 'a' + 'A') : digit;
  }
  return text;
}

KeyReview review_on_terminal(const ReviewRules& rules) {
  return [rules](const KeyOffer& offer) -> Result<bool> {
    TRY(sys::write_all(STDERR_FILENO, described(offer)));
    if (rules.skip || (rules.trust_https && offer.https)) return true;
    if (::isatty(STDIN_FILENO) == 0)
      return std::unexpected(
          Error(ErrorKind::kInvalidInput,
                "a key is trusted only when its fingerprint has been reviewed, and there is "
                "no terminal to ask on")
              .with_hint("compare the fingerprint, then use "
                         "'trust --skip-fingerprint-review'"));
    return ask();
  };
}

}  // namespace agena::stage0
