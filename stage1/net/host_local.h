// Addresses of a network from its ranges, in the files of CNI's host-local plugin: the two may serve one
// network side by side, and either frees what the other gave. A reservation is a file with the address as its
// name and "CONTAINERID\r\nINTERFACE" in it; `lock` is held (flock) by whoever changes something.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "stage1/net/builtin_conf.h"
#include "stage1/net/cni_result.h"

namespace agena::stage1 {

// One address of each range set for an interface of a pod: the first free one behind the last that was given,
// or the wanted one. All or none. kNotFound if a set is exhausted, kAlreadyExists if the wanted one is taken
// or the interface has an address of the set already.
Result<std::vector<CniIp>> reserve_addresses(const HostLocalConf& conf, const std::string& container_id,
                                             const std::string& interface);

// Frees what the interface of the pod has, whoever gave it. With addresses only those are looked at; all of
// the network's reservations otherwise, or if one of them is not the interface's. None at all is fine.
Result<> release_addresses(const HostLocalConf& conf, const std::string& container_id,
                           const std::string& interface, std::span<const IpAddress> addresses = {});

}  // namespace agena::stage1
