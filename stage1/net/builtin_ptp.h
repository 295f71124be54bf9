// Attaches pods to point-to-point networks without a plugin: what CNI's `ptp` with `host-local` does, over
// netlink in this process. Result, addresses, routes and files are the plugins'; either may undo what the
// other has done. Masquerading is left to the pod's own rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "stage1/net/attachment.h"
#include "stage1/net/cni_result.h"

namespace agena::stage1 {

// Whether the attachment can be made here: its configuration is a `ptp` one that is wholly understood, and
// the user's own directory (the first of plugin_dirs) has no program `ptp` or `host-local` that shall do it.
bool is_built_in(const Attachment& attachment);

// Reserves addresses and makes the pair of interfaces. `netns` is a path of the pod's network namespace. What
// a failure leaves half done is undone at once. Also makes the host forward packets of the IP versions in
// use.
Result<CniResult> attach_built_in(const Attachment& attachment, const std::string& netns);

// Undoes it: the interfaces, then the reservations. From the attachment alone if there is no result; without
// a namespace the host's end is looked for. What is gone already is no error.
Result<> detach_built_in(const Attachment& attachment, const std::optional<CniResult>& result,
                         const std::optional<std::string>& netns);

// The pod's addresses that leave the network with the host's address (ipMasq), each with its network's
// length: packets of one to outside the network are masqueraded, those within and to multicast groups are
// not.
std::vector<IpPrefix> masqueraded(const Attachment& attachment, const CniResult& result);

}  // namespace agena::stage1
