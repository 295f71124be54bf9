// What happens while somebody is attached: bytes both ways, the size of the window, signals, and the keys to
// leave.
#pragma once

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage1/iohub/attach_protocol.h"

namespace agena::stage1 {

// Joins the caller's standard streams to those that were opened on the socket. Returns the exit code when the
// app has ended or the user has left; an error when the connection broke.
Result<int> run_attach_session(sys::UniqueFd socket, const AttachStreams& opened);

}  // namespace agena::stage1
