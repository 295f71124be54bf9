// A thread for work that changes what belongs to a thread: its mount namespace and its working directory. The
// process and its other threads stay where they are.
#pragma once

#include <functional>

#include "common/base/result.h"

namespace agena::sys {

// Runs the work in a new thread and waits for its end. What the work has changed of the thread ends with it.
Result<> run_in_side_thread(const std::function<Result<>()>& work);

}  // namespace agena::sys
