// Under which titles help shows the options of commands that have many.
#pragma once

#include <array>
#include <string_view>

#include "common/base/help.h"

namespace agena::stage0 {

inline constexpr auto kImageGroup = std::to_array<std::string_view>(
    {"max-image-size", "platform", "pull-policy", "signature", "stage1-from-dir", "stage1-hash",
     "stage1-name", "stage1-path", "stage1-url"});
inline constexpr auto kProgramGroup =
    std::to_array<std::string_view>({"environment", "exec", "group", "inherit-env", "name", "set-env",
                                     "set-env-file", "supplementary-gids", "user", "working-dir"});
inline constexpr auto kNetworkGroup = std::to_array<std::string_view>(
    {"dns", "dns-domain", "dns-opt", "dns-search", "hostname", "hosts-entry", "mds-register", "net", "port"});
inline constexpr auto kFileGroup = std::to_array<std::string_view>(
    {"device", "mnt-volume", "mount", "no-overlay", "readonly-rootfs", "shm-size", "tmpfs", "volume"});
inline constexpr auto kLifeGroup = std::to_array<std::string_view>(
    {"health-cmd", "health-interval", "health-retries", "health-start-period", "health-timeout",
     "no-healthcheck", "restart", "sdnotify", "stop-signal", "stop-timeout"});
inline constexpr auto kStreamGroup = std::to_array<std::string_view>(
    {"log-driver", "log-max-files", "log-max-size", "stderr", "stdin", "stdout"});
inline constexpr auto kLimitGroup = std::to_array<std::string_view>(
    {"cpu", "cpu-shares", "device-read-bps", "device-read-iops", "device-write-bps", "device-write-iops",
     "memory", "oom-score-adj", "pids-limit", "pod-cpu", "pod-memory", "pod-pids-limit", "rlimit"});
inline constexpr auto kConfinementGroup = std::to_array<std::string_view>(
    {"apparmor-profile", "caps-remove", "caps-retain", "ipc", "no-new-privileges", "private-users", "seccomp",
     "selinux-context", "sysctl"});
inline constexpr auto kNoteGroup =
    std::to_array<std::string_view>({"annotation", "user-annotation", "user-label"});

inline constexpr auto kHelpGroups = std::to_array<OptionGroup>({
    {"PROGRAM, USER AND ENVIRONMENT", kProgramGroup},
    {"FILES", kFileGroup},
    {"NETWORK", kNetworkGroup},
    {"LIMITS", kLimitGroup},
    {"RESTARTS, READINESS AND HEALTH", kLifeGroup},
    {"STREAMS AND LOGS", kStreamGroup},
    {"CONFINEMENT", kConfinementGroup},
    {"IMAGES", kImageGroup},
    {"ANNOTATIONS AND LABELS", kNoteGroup},
});

}  // namespace agena::stage0
