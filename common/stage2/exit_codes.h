// Exit codes of a program that could not be started. All are above 125, which programs leave to shells and
// the like; 126 and 127 mean what a shell means by them, the others are systemd.exec(5)'s numbers for the
// same failure, so that its tools name them.
#pragma once

namespace agena::stage2 {

enum LaunchExit : int {
  kExitCannotExecute = 126,  // the program is there but cannot be executed
  kExitNotFound = 127,       // there is no such program
  kExitWorkingDirectory = 200,
  kExitNice = 201,
  kExitDescriptors = 202,
  kExitLimits = 205,
  kExitOomScore = 206,
  kExitStdio = 209,
  kExitRoot = 210,
  kExitGroup = 216,
  kExitUser = 217,
  kExitCapabilities = 218,
  kExitNoNewPrivileges = 227,
  kExitSeccomp = 228,
  kExitSelinux = 229,
  kExitApparmor = 231,
};

}  // namespace agena::stage2
