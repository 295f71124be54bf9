// Roots as plain trees (`--no-overlay`): layers in overlayfs form merged into one directory, the same tree as
// an overlay of them shows.
#pragma once

#include <span>

#include "common/base/result.h"
#include "common/sys/copy_entry.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// Merges the layers (bottom to top, at least one) into an empty directory: whiteouts (0:0 character devices)
// and opaque directories hide what is below, hard links inside a layer stay hard links. A failure leaves a
// partial tree. The root directory itself gets the attributes of `root_attributes` (one of the layers).
Result<> copy_layers(std::span<const sys::DirFd> layers, const sys::DirFd& root_attributes,
                     const sys::DirFd& target, const sys::OwnerRule& owner = {});

}  // namespace agena::stage0
