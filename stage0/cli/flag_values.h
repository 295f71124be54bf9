// The values of single flags, as rkt spells them: text to typed value. Knows neither options nor commands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// "NAME=VALUE"; the value may be empty and may contain '='.
Result<NameValue> parse_name_value(std::string_view text);
// Appends such a pair; kInvalidInput if the name is there already.
Result<> add_name_value(std::vector<NameValue>& list, std::string_view text);
// Content of an environment file: a NAME=VALUE a line; blank lines and those that begin with '#' or ';' do
// not count. Errors give the line; a name twice is one.
Result<std::vector<NameValue>> parse_env_file(std::string_view content);

// "NAME,kind=host|empty,source=ABS,readOnly=B,recursive=B,mode=OCTAL,uid=N,gid=N". "%2C" in a value is a
// comma (any byte may be written so).
Result<VolumeRequest> parse_volume(std::string_view text);
// "volume=VOL,target=PATH", values as in parse_volume().
Result<MountRequest> parse_mount(std::string_view text);
// "NAME:[HOSTIP:]HOSTPORT"; an IPv6 address stands in brackets.
Result<PortRequest> parse_port(std::string_view text);
// "NAME:tcp|udp:PODPORT:HOSTIP:HOSTPORT"; an IPv6 address may stand in brackets.
Result<PortRequest> parse_pod_port(std::string_view text);

// "NAME[:ARGS],…", added to the list. Empty and repeated names, arguments for `all`, `host` and `none`, and
// other networks beside `host` or `none` are errors.
Result<> add_networks(std::vector<NetworkRequest>& list, std::string_view text);
// "IP,…" added to the servers, or "host" or "none" alone.
Result<> add_dns(DnsRequest& dns, std::string_view text);
// "IP=NAME[,IP=NAME…]" added to the entries (one per address), or "host" alone.
Result<> add_hosts_entries(HostsRequest& hosts, std::string_view text);
// "a,b,…"; empty parts are errors.
Result<std::vector<std::string>> parse_list(std::string_view text);
// "1,2,…".
Result<std::vector<std::uint32_t>> parse_ids(std::string_view text);
// "image,tls,…", with the groups none, all, all-fetch and all-run; added to the options.
Result<> add_insecure_options(InsecureOptions& options, std::string_view text);
// "never", "new" or "update".
Result<PullPolicy> parse_pull_policy(std::string_view text);

}  // namespace agena::stage0
