// resolv.conf(5) as text, in both directions.
#pragma once

#include <string>
#include <string_view>

#include "stage1/net/cni_result.h"

namespace agena::stage1 {

// The file for a network that says something about names.
std::string render_resolv_conf(std::string_view network, const CniDns& dns);
// What a file says. Of several `search` or `domain` lines the last counts; what is no line of these is passed
// over.
CniDns parse_resolv_conf(std::string_view text);

}  // namespace agena::stage1
