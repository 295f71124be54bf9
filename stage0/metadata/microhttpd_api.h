// libmicrohttpd's functions, found in the library when the service starts: no other command needs it.
// Internal to stage0/metadata.
#pragma once

#include <microhttpd.h>

#include "common/base/result.h"

namespace agena::stage0 {

struct MicrohttpdApi {
  decltype(&MHD_start_daemon) start_daemon;
  decltype(&MHD_stop_daemon) stop_daemon;
  decltype(&MHD_lookup_connection_value) lookup_connection_value;
  decltype(&MHD_get_connection_info) get_connection_info;
  decltype(&MHD_create_response_from_buffer) create_response_from_buffer;
  decltype(&MHD_add_response_header) add_response_header;
  decltype(&MHD_queue_response) queue_response;
  decltype(&MHD_destroy_response) destroy_response;
};

// Opens libmicrohttpd once; the error names its package.
Result<const MicrohttpdApi*> microhttpd_api();

}  // namespace agena::stage0
