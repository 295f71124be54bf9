// Which of the configured networks a pod gets.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage1/net/net_conf.h"
#include "stage1/net/network_choice.h"

namespace agena::stage1 {

struct SelectedNetwork {
  NetConf conf;
  std::string args;
};

// The networks of a choice in order of file name, which is the order of the pod's interfaces, whatever the
// order of the names in the choice. kNotFound: "networks not found: a, b".
Result<std::vector<SelectedNetwork>> select_networks(const NetConfs& known, const NetworkChoice& choice);

}  // namespace agena::stage1
