// What every app gets that nothing is said of.
#pragma once

#include <string>
#include <vector>

namespace agena::contract {

// The bounding set of apps: rkt's and docker's default (rkt-compatible; docs/stage1-contract.md).
inline const std::vector<std::string>& default_capabilities() {
  static const std::vector<std::string> names = {
      "CAP_AUDIT_WRITE", "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",    "CAP_FOWNER",
      "CAP_KILL",        "CAP_MKNOD",  "CAP_NET_RAW",      "CAP_SETFCAP",   "CAP_NET_BIND_SERVICE",
      "CAP_SETUID",      "CAP_SETGID", "CAP_SETPCAP",      "CAP_SYS_CHROOT"};
  return names;
}

// Shares of the processor of an app (cpu.shares(7), the kernel's default).
inline constexpr int kDefaultCpuShares = 1024;

}  // namespace agena::contract
