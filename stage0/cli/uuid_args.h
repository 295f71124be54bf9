// Pods as arguments: UUIDs or unique prefixes on the command line, or a UUID in a file (--uuid-file).
#pragma once

#include <string>
#include <vector>

#include "common/base/options.h"
#include "common/base/result.h"

namespace agena::stage0 {

// Checks that either arguments or --uuid-file are given, and no more arguments than max.
Result<> check_uuid_args(const ParsedArgs& args, std::size_t max);
// The texts, not looked up yet. An error means that the UUID file cannot be read.
Result<std::vector<std::string>> read_uuid_args(const ParsedArgs& args);

}  // namespace agena::stage0
