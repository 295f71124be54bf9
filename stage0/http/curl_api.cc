#include "stage0/http/curl_api.h"

#include "common/sys/shared_library.h"

namespace agena::stage0 {
namespace {

Result<CurlApi> load() {
  const auto library = TRY(sys::SharedLibrary::open("libcurl.so.4", "libcurl4"));
  CurlApi api{};
  TRY(library.load("curl_global_init", api.global_init));
  TRY(library.load("curl_easy_init", api.easy_init));
  TRY(library.load("curl_easy_setopt", api.easy_setopt));
  TRY(library.load("curl_easy_getinfo", api.easy_getinfo));
  TRY(library.load("curl_easy_pause", api.easy_pause));
  TRY(library.load("curl_easy_cleanup", api.easy_cleanup));
  TRY(library.load("curl_easy_strerror", api.easy_strerror));
  TRY(library.load("curl_multi_init", api.multi_init));
  TRY(library.load("curl_multi_setopt", api.multi_setopt));
  TRY(library.load("curl_multi_add_handle", api.multi_add_handle));
  TRY(library.load("curl_multi_remove_handle", api.multi_remove_handle));
  TRY(library.load("curl_multi_perform", api.multi_perform));
  TRY(library.load("curl_multi_poll", api.multi_poll));
  TRY(library.load("curl_multi_info_read", api.multi_info_read));
  TRY(library.load("curl_multi_cleanup", api.multi_cleanup));
  TRY(library.load("curl_multi_strerror", api.multi_strerror));
  TRY(library.load("curl_slist_append", api.slist_append));
  TRY(library.load("curl_slist_free_all", api.slist_free_all));
  TRY(library.load("curl_url", api.url));
  TRY(library.load("curl_url_dup", api.url_dup));
  TRY(library.load("curl_url_cleanup", api.url_cleanup));
  TRY(library.load("curl_url_set", api.url_set));
  TRY(library.load("curl_url_get", api.url_get));
  TRY(library.load("curl_free", api.free));
  if (api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return fail(ErrorKind::kUnsupported, "libcurl cannot be initialised");
  return api;
}

}  // namespace

Result<const CurlApi*> curl_api() {
  static const Result<CurlApi> api = load();
  if (!api) return std::unexpected(api.error());
  return &*api;
}

}  // namespace agena::stage0
