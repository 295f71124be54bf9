// What programs send to /dev/log: syslog messages as RFC 3164 describes the practice. The bytes are hostile.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace agena::stage1 {

struct SyslogMessage {
  int severity = 5;      // 0 (emergency) to 7 (debug); notice where none is given
  int facility = 1;      // user-level where none is given
  std::string_view tag;  // the program's name for itself; may be empty
  int pid = 0;           // 0 if it does not say
  std::string_view text;
};

// Takes a datagram apart: "<PRI>Mmm dd hh:mm:ss [HOST ]TAG[PID]: text", every part but the text optional. The
// views are of the bytes; newlines and NULs at the end do not count.
SyslogMessage parse_syslog(std::string_view bytes);

// As one line for console and log: "TAG[PID]: text", other control characters than tabs escaped as #NNN (the
// way of syslog daemons).
std::string syslog_line(const SyslogMessage& message);

}  // namespace agena::stage1
