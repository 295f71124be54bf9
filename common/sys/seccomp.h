// seccomp(2): installing a filter that is ready. What filters say is common/seccomp's.
#pragma once

#include <string_view>

#include "common/base/result.h"

namespace agena::sys {

// Whether the bytes have the size of a filter: an array of struct sock_filter, not empty, not longer than the
// kernel takes.
bool is_seccomp_filter(std::string_view bytes);
// Puts the calling thread, and what it executes, under the filter. Needs no-new-privileges or CAP_SYS_ADMIN.
Result<> install_seccomp_filter(std::string_view bytes);

}  // namespace agena::sys
