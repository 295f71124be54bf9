// The data directory itself, which the store and the pods share.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::stage0 {

// Makes the data directory, an absolute path, if it is not there: 2750, and of `group` if that is a name of
// the host's /etc/group, whose members may then read images and pods (rkt's convention). What is made below
// it inherits the group. An existing directory stays as it is: mode and group are the administrator's.
Result<> make_data_dir(const std::string& data_dir, std::string_view group);

}  // namespace agena::stage0
