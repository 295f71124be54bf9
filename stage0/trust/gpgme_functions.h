// The functions of GPGME that are used, found when the first signature is checked. Internal to stage0/trust.
#pragma once

#include <gpgme.h>

#include "common/base/result.h"

namespace agena::stage0 {

// Types are taken from the header, so that a wrong call does not compile.
struct GpgmeFunctions {
  decltype(::gpgme_check_version)* check_version = nullptr;
  decltype(::gpgme_ctx_set_engine_info)* ctx_set_engine_info = nullptr;
  decltype(::gpgme_data_new_from_cbs)* data_new_from_cbs = nullptr;
  decltype(::gpgme_data_new_from_mem)* data_new_from_mem = nullptr;
  decltype(::gpgme_data_new)* data_new = nullptr;
  decltype(::gpgme_data_release)* data_release = nullptr;
  decltype(::gpgme_data_release_and_get_mem)* data_release_and_get_mem = nullptr;
  decltype(::gpgme_free)* free = nullptr;
  decltype(::gpgme_key_unref)* key_unref = nullptr;
  decltype(::gpgme_new)* create = nullptr;
  decltype(::gpgme_op_export)* op_export = nullptr;
  decltype(::gpgme_op_import)* op_import = nullptr;
  decltype(::gpgme_op_import_result)* op_import_result = nullptr;
  decltype(::gpgme_op_keylist_end)* op_keylist_end = nullptr;
  decltype(::gpgme_op_keylist_next)* op_keylist_next = nullptr;
  decltype(::gpgme_op_keylist_start)* op_keylist_start = nullptr;
  decltype(::gpgme_op_verify)* op_verify = nullptr;
  decltype(::gpgme_op_verify_result)* op_verify_result = nullptr;
  decltype(::gpgme_release)* release = nullptr;
  decltype(::gpgme_set_armor)* set_armor = nullptr;
  decltype(::gpgme_set_ctx_flag)* set_ctx_flag = nullptr;
  decltype(::gpgme_set_global_flag)* set_global_flag = nullptr;
  decltype(::gpgme_set_offline)* set_offline = nullptr;
  decltype(::gpgme_strerror_r)* strerror_r = nullptr;
};

// The library, opened and initialised once.
Result<const GpgmeFunctions*> gpgme_functions();

// What an error code of the library means, in words.
std::string gpgme_text(const GpgmeFunctions& gpgme, gpgme_error_t error);

}  // namespace agena::stage0
