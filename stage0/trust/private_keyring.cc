#include "stage0/trust/private_keyring.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

#include "common/base/cleanup.h"
#include "common/base/strings.h"
#include "stage0/trust/gpgme_functions.h"
#include "stage0/trust/private_home.h"

namespace agena::stage0 {
namespace {

// Writing to a gpg that has ended must be an error, not our end. As before when it goes.
class IgnoredSigpipe {
 public:
  IgnoredSigpipe() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    (void)::sigaction(SIGPIPE, &ignore, &before_);
  }
  IgnoredSigpipe(const IgnoredSigpipe&) = delete;
  IgnoredSigpipe& operator=(const IgnoredSigpipe&) = delete;
  ~IgnoredSigpipe() { (void)::sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

// The gpg program, by fixed places: PATH is the caller's, and what it finds decides what is trusted.
Result<std::string> gpg_program() {
  for (const char* path : {"/usr/bin/gpg", "/usr/bin/gpg2", "/usr/local/bin/gpg", "/bin/gpg"})
    if (::access(path, X_OK) == 0) return std::string(path);
  return std::unexpected(
      Error(ErrorKind::kUnsupported, "there is no gpg on this host: signatures cannot be checked")
          .with_hint("on Debian the package gpg brings it"));
}

// A source being read by the library, and the error that reading it ended with.
struct Reading {
  ByteSource* source = nullptr;
  Result<> outcome = {};
};

// The library's read callback; -1 ends the operation.
ssize_t read_source(void* handle, void* buffer, size_t size) {
  auto& reading = *static_cast<Reading*>(handle);
  auto got = reading.source->read(std::span(static_cast<char*>(buffer), size));
  if (got) return static_cast<ssize_t>(*got);
  reading.outcome = std::unexpected(std::move(got).error());
  errno = EIO;
  return -1;
}

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

struct StatusRow {
  gpgme_err_code_t code;
  SignatureState state;
};
constexpr std::array kStatusRows = {
    StatusRow{GPG_ERR_NO_ERROR, SignatureState::kGood},
    StatusRow{GPG_ERR_BAD_SIGNATURE, SignatureState::kBad},
    StatusRow{GPG_ERR_NO_PUBKEY, SignatureState::kUnknownKey},
    StatusRow{GPG_ERR_KEY_EXPIRED, SignatureState::kExpiredKey},
    StatusRow{GPG_ERR_CERT_REVOKED, SignatureState::kRevokedKey},
    StatusRow{GPG_ERR_SIG_EXPIRED, SignatureState::kExpiredSignature},
};

SignatureState state_of(gpgme_error_t status) {
  const auto row = std::ranges::find(kStatusRows, gpgme_err_code(status), &StatusRow::code);
  return row == kStatusRows.end() ? SignatureState::kUnusable : row->state;
}

}  // namespace

struct PrivateKeyring::State {
  const GpgmeFunctions* gpgme;
  PrivateHome home;
  gpgme_ctx_t context = nullptr;

  State(const GpgmeFunctions* functions, PrivateHome made) : gpgme(functions), home(std::move(made)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (context != nullptr) gpgme->release(context);
  }

  Result<> check(gpgme_error_t error, std::string_view what) const {
    if (error == 0) return {};
    return fail(ErrorKind::kSystem, "{}: {}", what, gpgme_text(*gpgme, error));
  }

  // Bytes in memory that outlive the data object, as the library takes them.
  Result<gpgme_data_t> data_of(std::string_view bytes) const {
    gpgme_data_t data = nullptr;
    // The library refuses a null pointer.
    const char* start = bytes.empty() ? "" : bytes.data();
    TRY(check(gpgme->data_new_from_mem(&data, start, bytes.size(), 0), "preparing data for GnuPG"));
    return data;
  }
};

PrivateKeyring::PrivateKeyring(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivateKeyring::PrivateKeyring(PrivateKeyring&&) noexcept = default;
PrivateKeyring::~PrivateKeyring() = default;

Result<PrivateKeyring> PrivateKeyring::create() {
  const GpgmeFunctions* gpgme = TRY(gpgme_functions());
  const std::string program = TRY(gpg_program());
  auto state = std::make_unique<State>(gpgme, TRY(PrivateHome::create()));
  const IgnoredSigpipe guard;
  TRY(state->check(gpgme->create(&state->context), "starting GnuPG"));
  TRY(state->check(gpgme->ctx_set_engine_info(state->context, GPGME_PROTOCOL_OpenPGP, program.c_str(),
                                              state->home.path().c_str()),
                   "starting GnuPG"));
  gpgme->set_offline(state->context, 1);
  gpgme->set_armor(state->context, 1);
  return PrivateKeyring(std::move(state));
}

Result<std::vector<std::string>> PrivateKeyring::import(std::string_view bytes) {
  const IgnoredSigpipe guard;
  const GpgmeFunctions& gpgme = *state_->gpgme;
  gpgme_data_t data = TRY(state_->data_of(bytes));
  const Cleanup release([&]() noexcept { gpgme.data_release(data); });
  const gpgme_error_t error = gpgme.op_import(state_->context, data);
  if (error != 0 && gpgme_err_code(error) != GPG_ERR_NO_DATA)
    return fail(ErrorKind::kInvalidInput, "reading an OpenPGP key: {}", gpgme_text(gpgme, error));
  std::vector<std::string> fingerprints;
  const auto* result = gpgme.op_import_result(state_->context);
  const auto* status = result == nullptr ? nullptr : result->imports;
  for (; status != nullptr; status = status->next) {
    const std::string fingerprint = to_lower(text_of(status->fpr));
    if (status->result == 0 && !fingerprint.empty() &&
        std::ranges::find(fingerprints, fingerprint) == fingerprints.end())
      fingerprints.push_back(fingerprint);
  }
  if (fingerprints.empty()) return fail(ErrorKind::kInvalidInput, "there is no OpenPGP public key in it");
  return fingerprints;
}

Result<std::vector<OpenPgpKey>> PrivateKeyring::list() {
  const IgnoredSigpipe guard;
  const GpgmeFunctions& gpgme = *state_->gpgme;
  TRY(state_->check(gpgme.op_keylist_start(state_->context, nullptr, 0), "listing OpenPGP keys"));
  const Cleanup end([&]() noexcept { (void)gpgme.op_keylist_end(state_->context); });
  std::vector<OpenPgpKey> keys;
  while (true) {
    gpgme_key_t key = nullptr;
    const gpgme_error_t error = gpgme.op_keylist_next(state_->context, &key);
    if (gpgme_err_code(error) == GPG_ERR_EOF) return keys;
    TRY(state_->check(error, "listing OpenPGP keys"));
    const Cleanup release([&]() noexcept { gpgme.key_unref(key); });
    OpenPgpKey found{.fingerprint = to_lower(text_of(key->fpr)),
                     .identities = {},
                     .fingerprints = {},
                     .created = key->subkeys == nullptr ? 0 : key->subkeys->timestamp,
                     .expires = key->subkeys == nullptr ? 0 : key->subkeys->expires,
                     .expired = key->expired != 0,
                     .revoked = key->revoked != 0};
    for (auto* uid = key->uids; uid != nullptr; uid = uid->next)
      if (uid->revoked == 0 || found.revoked) found.identities.push_back(text_of(uid->uid));
    for (auto* subkey = key->subkeys; subkey != nullptr; subkey = subkey->next)
      found.fingerprints.push_back(to_lower(text_of(subkey->fpr)));
    keys.push_back(std::move(found));
  }
}

Result<std::string> PrivateKeyring::export_key(const std::string& fingerprint) {
  const IgnoredSigpipe guard;
  const GpgmeFunctions& gpgme = *state_->gpgme;
  gpgme_data_t data = nullptr;
  TRY(state_->check(gpgme.data_new(&data), "preparing data for GnuPG"));
  const gpgme_error_t error = gpgme.op_export(state_->context, fingerprint.c_str(), 0, data);
  std::size_t size = 0;
  char* bytes = gpgme.data_release_and_get_mem(data, &size);
  std::string text(bytes == nullptr ? "" : bytes, bytes == nullptr ? 0 : size);
  gpgme.free(bytes);
  TRY(state_->check(error, "writing an OpenPGP key"));
  if (text.empty()) return fail(ErrorKind::kInternal, "OpenPGP key {} was not written", fingerprint);
  return text;
}

Result<std::vector<OpenPgpSignature>> PrivateKeyring::verify(std::string_view signature, ByteSource& source) {
  const IgnoredSigpipe guard;
  const GpgmeFunctions& gpgme = *state_->gpgme;
  gpgme_data_t signature_data = TRY(state_->data_of(signature));
  const Cleanup release_signature([&]() noexcept { gpgme.data_release(signature_data); });
  Reading reading{.source = &source};
  gpgme_data_cbs callbacks{.read = read_source, .write = nullptr, .seek = nullptr, .release = nullptr};
  gpgme_data_t data = nullptr;
  TRY(state_->check(gpgme.data_new_from_cbs(&data, &callbacks, &reading), "preparing data for GnuPG"));
  const Cleanup release([&]() noexcept { gpgme.data_release(data); });
  const gpgme_error_t error = gpgme.op_verify(state_->context, signature_data, data, nullptr);
  TRY(std::move(reading.outcome));
  std::vector<OpenPgpSignature> found;
  const auto* result = error == 0 ? gpgme.op_verify_result(state_->context) : nullptr;
  const auto* one = result == nullptr ? nullptr : result->signatures;
  for (; one != nullptr; one = one->next)
    found.push_back({.state = state_of(one->status),
                     .made_by = to_lower(text_of(one->fpr)),
                     .made = static_cast<std::int64_t>(one->timestamp),
                     .until = static_cast<std::int64_t>(one->exp_timestamp),
                     .detail = one->status == 0 ? "" : gpgme_text(gpgme, one->status)});
  if (found.empty())
    return fail(
        ErrorKind::kVerification, "there is no OpenPGP signature in it{}",
        error == 0 || gpgme_err_code(error) == GPG_ERR_NO_DATA ? "" : ": " + gpgme_text(gpgme, error));
  return found;
}

}  // namespace agena::stage0
