// `trust`: decide whose signatures on images count.
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "common/sys/fs.h"
#include "manifests/schema/ac_name.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/key_review.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/table.h"
#include "stage0/cli/trust_flags.h"
#include "stage0/fetch/key_fetch.h"
#include "stage0/fetch/signature_gate.h"
#include "stage0/trust/key_store.h"
#include "stage0/trust/public_keys.h"

namespace agena::stage0 {
namespace {

// The command line, read.
struct TrustCommand {
  FetchSettings settings;
  InsecureOptions insecure;
  KeyStoreDirectories directories;
  std::string prefix;
  bool root = false;
  std::string_view format;
  ReviewRules review;
};

Result<bool> flag(const ParsedArgs& args, const Option& option) {
  return parse_bool(args.text(option, "false"));
}

Result<TrustCommand> read_command(const Invocation& call) {
  TrustCommand command{.settings = {},
                       .insecure = call.global.insecure,
                       .directories = {},
                       .prefix = std::string(call.args.text(kTrustPrefix, "")),
                       .root = TRY(flag(call.args, kTrustRoot)),
                       .format = call.args.text(kFormat, ""),
                       .review = {.skip = TRY(flag(call.args, kSkipFingerprintReview)),
                                  .trust_https = call.global.trust_keys_from_https}};
  command.settings.config_directories = TRY(config_directories(call.global, call.personality));
  command.directories = key_store_of(command.settings);
  if (TRY(flag(call.args, kInsecureAllowHttp))) command.insecure.pubkey = true;
  if (!command.prefix.empty() && command.root)
    return fail(ErrorKind::kInvalidInput, "--prefix and --root exclude each other");
  if (!command.prefix.empty())
    TRY_CTX(schema::AcIdentifier::parse(command.prefix), "prefix '{}'", printable(command.prefix));
  return command;
}

std::string where(std::string_view prefix) {
  return prefix.empty() ? "all images" : fmt::format("prefix \"{}\"", prefix);
}

Result<> print_document(const json_text::Json& document, std::string_view format) {
  return print_line("{}", style_of_format(format) == JsonStyle::kPretty
                              ? TRY(json_text::dump_pretty(document))
                              : TRY(json_text::dump(document)));
}

Result<int> list_keys(const TrustCommand& command) {
  json_text::Json document = json_text::Json::array();
  Table table;
  table.add_row({"PREFIX", "FINGERPRINT", "IDENTITIES"});
  for (const TrustedKey& trusted : TRY(list_trusted_keys(command.directories))) {
    if (!command.prefix.empty() && !prefix_covers(trusted.prefix, command.prefix)) continue;
    if (command.root && !trusted.prefix.empty()) continue;
    std::vector<std::string> identities;
    // A file that is no good must not hide the others.
    const auto bytes = read_trusted_key(trusted);
    const auto keys = bytes ? read_public_keys(*bytes) : std::unexpected(bytes.error());
    for (const PublicKey& key : keys ? *keys : std::vector<PublicKey>())
      for (const std::string& identity : key.key.identities) identities.push_back(printable(identity));
    if (!keys) identities.push_back(keys.error().to_string());
    table.add_row(
        {trusted.prefix.empty() ? "(root)" : trusted.prefix, trusted.fingerprint, join(identities, ", ")});
    document.push_back({{"prefix", trusted.prefix},
                        {"fingerprint", trusted.fingerprint},
                        {"identities", identities},
                        {"path", trusted.path}});
  }
  if (command.format.empty())
    TRY(print(table.to_screen(stdout_screen())));
  else
    TRY(print_document(document, command.format));
  return contract::kExitSuccess;
}

Result<int> remove_key(const TrustCommand& command, std::string_view fingerprint) {
  std::string digits = to_lower(fingerprint);
  std::erase_if(digits, [](char c) { return c == ' ' || c == ':'; });
  TRY(remove_trusted_key(command.directories, command.prefix, digits));
  TRY(print_line("Removed key {} for {}", digits, where(command.prefix)));
  return contract::kExitSuccess;
}

Result<> print_added(const TrustCommand& command, const std::vector<AddedKey>& added) {
  if (command.format.empty()) {
    for (const AddedKey& key : added)
      TRY(print_line("Added key for {} at \"{}\"", where(key.prefix), key.path));
    return {};
  }
  json_text::Json document = json_text::Json::array();
  for (const AddedKey& key : added) {
    std::vector<std::string> identities;
    for (const std::string& identity : key.key.identities) identities.push_back(printable(identity));
    document.push_back({{"prefix", key.prefix},
                        {"fingerprint", key.key.fingerprint},
                        {"identities", identities},
                        {"path", key.path}});
  }
  return print_document(document, command.format);
}

Result<> add_from(const TrustCommand& command, const std::string& source, const KeyReview& review,
                  std::vector<AddedKey>& added) {
  if (source.contains("://"))
    return trust_keys_at(command.settings, command.insecure, command.prefix, source, review, added);
  const std::string bytes =
      TRY_CTX(sys::read_file(sys::at_cwd(), source, kMaxKeyFileBytes), "key '{}'", printable(source));
  return trust_keys(command.directories, command.prefix, source, false, bytes, review, added);
}

Result<int> add_keys(const TrustCommand& command, std::span<const std::string_view> sources) {
  const KeyReview review = review_on_terminal(command.review);
  std::vector<AddedKey> added;
  Result<> done;
  if (sources.empty())
    done = trust_discovered_keys(command.settings, command.insecure, command.prefix, review, added);
  for (const std::string_view source : sources)
    if (done) done = add_from(command, std::string(source), review, added);
  // What is trusted is told, whatever came behind it.
  if (done || !added.empty()) TRY(print_added(command, added));
  TRY(std::move(done));
  if (added.empty()) return fail(ErrorKind::kInvalidInput, "no key was trusted");
  return contract::kExitSuccess;
}

}  // namespace

Result<int> cmd_trust(const Invocation& call) {
  const TrustCommand command = TRY(read_command(call));
  const auto& sources = call.args.arguments;
  const std::string_view removed = call.args.text(kTrustRemove, "");
  if (TRY(flag(call.args, kTrustList))) {
    if (!sources.empty()) return fail(ErrorKind::kInvalidInput, "--list takes no keys");
    return list_keys(command);
  }
  if (command.prefix.empty() && !command.root)
    return fail(ErrorKind::kInvalidInput, "for which images? give --prefix=NAME, or --root for all");
  if (!removed.empty()) return remove_key(command, removed);
  if (sources.empty() && command.root)
    return fail(ErrorKind::kInvalidInput, "which key? give a file or a URL");
  return add_keys(command, sources);
}

}  // namespace agena::stage0
