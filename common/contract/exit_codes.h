// Exit codes that the programs of all stages share. Everything from 1 to 253 that is not listed belongs to
// the apps.
#pragma once

namespace agena::contract {

enum ExitCode : int {
  kExitSuccess = 0,
  // rkt's `status` and `stop`: the UUID file cannot be read.
  kExitUuidFile = 1,
  // rkt's `app` commands: the operation failed.
  kExitAppOperation = 1,
  // No command given.
  kExitNoCommand = 2,
  // A pod whose --timeout has passed, as timeout(1) counts it.
  kExitTimeout = 124,
  // Any failure or usage error of the engine itself, in every command and entrypoint.
  kExitFailure = 254,
};

// Exit code of an app that a signal ended, as shells and container engines count it.
constexpr int exit_code_of_signal(int signal) { return 128 + signal; }

}  // namespace agena::contract
