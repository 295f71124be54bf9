#include "stage0/metadata/microhttpd_api.h"

#include "common/sys/shared_library.h"

namespace agena::stage0 {
namespace {

Result<MicrohttpdApi> load() {
  const auto library = TRY(sys::SharedLibrary::open("libmicrohttpd.so.12", "libmicrohttpd12"));
  MicrohttpdApi api{};
  TRY(library.load("MHD_start_daemon", api.start_daemon));
  TRY(library.load("MHD_stop_daemon", api.stop_daemon));
  TRY(library.load("MHD_lookup_connection_value", api.lookup_connection_value));
  TRY(library.load("MHD_get_connection_info", api.get_connection_info));
  TRY(library.load("MHD_create_response_from_buffer", api.create_response_from_buffer));
  TRY(library.load("MHD_add_response_header", api.add_response_header));
  TRY(library.load("MHD_queue_response", api.queue_response));
  TRY(library.load("MHD_destroy_response", api.destroy_response));
  return api;
}

}  // namespace

Result<const MicrohttpdApi*> microhttpd_api() {
  static const Result<MicrohttpdApi> api = load();
  if (!api) return std::unexpected(api.error());
  return &*api;
}

}  // namespace agena::stage0
