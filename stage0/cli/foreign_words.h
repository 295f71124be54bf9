// What users of docker, podman and others write, and how it is said here.
#pragma once

#include <span>

#include "common/base/options.h"

namespace agena::stage0 {

// Words of commands and flags that do not exist here, and values that flags do not take.
std::span<const ForeignWord> foreign_words();

}  // namespace agena::stage0
