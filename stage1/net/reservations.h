// Which addresses a pod may have got from the IPAM plugins host-local and static, without a result that
// tells.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "stage1/net/attachment.h"
#include "stage1/net/cni_result.h"

namespace agena::stage1 {

// The result of an attachment as far as it can be known from host-local's reservations for the pod (each
// address is a network of its own then) and from the configuration's static addresses. For one that never
// came to a result, because a plugin was killed or has failed; nullopt if there are no addresses.
std::optional<CniResult> result_of_reservations(const Attachment& attachment);
// Whether host-local has an address of the pod on record.
bool has_reservations(const Attachment& attachment);

// Frees all that a container has in host-local's usual place, in every network: for a pod whose own record
// was lost in a crash of the machine, which it cannot have survived.
Result<> free_all_reservations(const std::string& container_id);

}  // namespace agena::stage1
