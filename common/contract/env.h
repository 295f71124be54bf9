// Environment variables that travel between the stages. The RKT_ names are the published stage1 contract and
// stay under every personality.
#pragma once

namespace agena::contract::env {

// Decimal number of the descriptor that holds the pod's lock; must stay open for the pod's life.
inline constexpr const char* kLockFd = "RKT_LOCK_FD";
inline constexpr const char* kSelinuxContext = "RKT_SELINUX_CONTEXT";
inline constexpr const char* kSelinuxMountContext = "RKT_SELINUX_MOUNT_CONTEXT";
// For entrypoints that cross into a running pod: how to enter it, its PID 1, and the app.
inline constexpr const char* kEnterCommand = "RKT_STAGE1_ENTERCMD";
inline constexpr const char* kEnterPid = "RKT_STAGE1_ENTERPID";
inline constexpr const char* kEnterApp = "RKT_STAGE1_ENTERAPP";

// Agena's own addition: the token of a pod that is registered with the metadata service, for a stage1 of
// interface version 9 or newer. Its predecessors get it as --mds-token, which every process of the host can
// read.
inline constexpr const char* kMdsToken = "AGENA_MDS_TOKEN";

// Agena's own addition: CLOCK_MONOTONIC nanoseconds at which `run` began, so that stage1 can go on with the
// account of phase times (--debug). A stage1 may ignore it.
inline constexpr const char* kStartNs = "AGENA_START_NS";

}  // namespace agena::contract::env
