// Name resolution of a pod's apps as far as stage0 writes it: the generated resolv.conf and hosts file below
// the stage1 root, and the mode option that tells stage1 about them.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// Text of etc/rkt-resolv.conf. `generator` names who made it ("agena run").
std::string render_resolv_conf(const DnsRequest& dns, std::string_view generator);
// Text of etc/rkt-hosts: the fallback of stage1 and the entries behind it.
std::string render_hosts(const HostsRequest& hosts, std::string_view fallback);

// Writes those of the two files whose mode is stage0.
Result<> write_dns_files(const LaunchRequest& launch, const sys::DirFd& stage1_root,
                         std::string_view generator);

// Value of --dns-conf-mode, "resolv=R,hosts=H"; empty if both are the default.
std::string dns_conf_mode(const LaunchRequest& launch);

}  // namespace agena::stage0
