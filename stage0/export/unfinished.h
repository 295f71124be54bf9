// Names of targets that are not complete: ".NAME.RANDOM.new" beside the target. Whoever writes one holds a
// lock on it, so that what a killed process left can be told from what somebody works on. Internal to
// stage0/export.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// A name that nobody has used.
std::string unfinished_name(const std::string& name);
// The same for something complete that is out of the way for a moment; never removed as a left-over.
std::string aside_name(const std::string& name);

// Locks an unfinished file or directory by its open descriptor. False if a cleaner got it first: it is gone
// then, or will be. True without a lock on file systems that have none; cleaners leave things alone there.
bool lock_unfinished(sys::DirRef dir, const std::string& temporary, int fd);

// Removes what killed processes have left of this target. What cannot be removed stays.
void remove_unfinished(const sys::DirFd& dir, const std::string& name);

}  // namespace agena::stage0
