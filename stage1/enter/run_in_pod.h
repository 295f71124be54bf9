// Running a program in the namespaces of a pod that runs already.
#pragma once

#include <functional>

#include "common/base/result.h"
#include "common/sys/pidfd.h"

namespace agena::stage1 {

// Joins the pod of this first process, has a child carry out `body` there (which is to become the program),
// and waits for it; returns its exit code. The calling process, which must have one thread, stays half in the
// pod.
Result<int> run_in_pod(const sys::PidFd& init, const std::function<int()>& body);

}  // namespace agena::stage1
