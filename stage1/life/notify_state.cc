#include "stage1/life/notify_state.h"

#include "common/base/strings.h"

namespace agena::stage1 {

NotifyState parse_notify_state(std::string_view datagram) {
  NotifyState state;
  for (const std::string& line : split(datagram, '\n')) {
    const Cut assignment = cut(line, '=');
    if (assignment.before == "READY") state.ready = assignment.after == "1";
    if (assignment.before == "RELOADING") state.reloading = assignment.after == "1";
    if (assignment.before == "STOPPING") state.stopping = assignment.after == "1";
    if (assignment.before == "STATUS" && assignment.found) state.status = printable(assignment.after);
    if (assignment.before == "EXTEND_TIMEOUT_USEC" && parse_uint(assignment.after))
      state.extend_usec = assignment.after;
  }
  return state;
}

}  // namespace agena::stage1
