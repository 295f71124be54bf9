#include "stage0/trust/gpgme_functions.h"

#include <signal.h>

#include <array>
#include <mutex>
#include <optional>

#include "common/base/strings.h"
#include "common/sys/shared_library.h"

namespace agena::stage0 {
namespace {

Result<GpgmeFunctions> find_functions() {
  const auto library = TRY(sys::SharedLibrary::open("libgpgme.so.11", "libgpgme11"));
  GpgmeFunctions found;
  TRY(library.load("gpgme_check_version", found.check_version));
  TRY(library.load("gpgme_ctx_set_engine_info", found.ctx_set_engine_info));
  TRY(library.load("gpgme_data_new_from_cbs", found.data_new_from_cbs));
  TRY(library.load("gpgme_data_new_from_mem", found.data_new_from_mem));
  TRY(library.load("gpgme_data_new", found.data_new));
  TRY(library.load("gpgme_data_release", found.data_release));
  TRY(library.load("gpgme_data_release_and_get_mem", found.data_release_and_get_mem));
  TRY(library.load("gpgme_free", found.free));
  TRY(library.load("gpgme_key_unref", found.key_unref));
  TRY(library.load("gpgme_new", found.create));
  TRY(library.load("gpgme_op_export", found.op_export));
  TRY(library.load("gpgme_op_import", found.op_import));
  TRY(library.load("gpgme_op_import_result", found.op_import_result));
  TRY(library.load("gpgme_op_keylist_end", found.op_keylist_end));
  TRY(library.load("gpgme_op_keylist_next", found.op_keylist_next));
  TRY(library.load("gpgme_op_keylist_start", found.op_keylist_start));
  TRY(library.load("gpgme_op_verify", found.op_verify));
  TRY(library.load("gpgme_op_verify_result", found.op_verify_result));
  TRY(library.load("gpgme_release", found.release));
  TRY(library.load("gpgme_set_armor", found.set_armor));
  TRY(library.load("gpgme_set_ctx_flag", found.set_ctx_flag));
  TRY(library.load("gpgme_set_global_flag", found.set_global_flag));
  TRY(library.load("gpgme_set_offline", found.set_offline));
  TRY(library.load("gpgme_strerror_r", found.strerror_r));
  return found;
}

Result<GpgmeFunctions> initialised() {
  GpgmeFunctions gpgme = TRY(find_functions());
  // Without it gpgconf is run, which looks at the home directory of the user.
  gpgme.set_global_flag("disable-gpgconf", "1");
  // The library makes the whole process ignore SIGPIPE, and what is ignored stays so in programs that the
  // process becomes: pods must not inherit that.
  struct sigaction before{};
  (void)::sigaction(SIGPIPE, nullptr, &before);
  const char* version = gpgme.check_version(GPGME_VERSION);
  if (version == nullptr) version = gpgme.check_version("1.16.0");
  (void)::sigaction(SIGPIPE, &before, nullptr);
  if (version == nullptr)
    return fail(ErrorKind::kUnsupported, "library libgpgme.so.11 is too old (1.16 is needed)");
  return gpgme;
}

}  // namespace

Result<const GpgmeFunctions*> gpgme_functions() {
  static const Result<GpgmeFunctions> functions = initialised();
  if (!functions) return std::unexpected(functions.error());
  return &*functions;
}

std::string gpgme_text(const GpgmeFunctions& gpgme, gpgme_error_t error) {
  std::array<char, 256> text{};
  gpgme.strerror_r(error, text.data(), text.size() - 1);
  return to_lower(text.data());
}

}  // namespace agena::stage0
