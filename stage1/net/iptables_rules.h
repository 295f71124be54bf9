// The rules of a pod for kernels without nf_tables: the same as pod_rules.h has them, in chains of rkt's
// names in the tables nat of iptables and ip6tables.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "stage1/net/pod_rules.h"

namespace agena::stage1 {

// Text for `iptables-restore --noflush` (v4) or ip6tables-restore that makes the chains of a pod and the
// jumps to them; empty if there is nothing to make for this version.
std::string iptables_text(const Uuid& pod, const PodRules& rules, bool v4);

// Both versions, in this thread's network namespace. Errors tell what the program said; one that is missing
// is kUnsupported.
Result<> install_with_iptables(const Uuid& pod, const PodRules& rules);
// Chains that are not there are no error.
Result<> remove_with_iptables(const Uuid& pod);

}  // namespace agena::stage1
