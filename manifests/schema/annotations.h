// Names of the annotations that settings travel by: of an app in the pod manifest, and of an image where the
// image itself says it. The app's own wins over its image's.
#pragma once

namespace agena::schema::annotation {

// Life of an app; manifests/life has their values.
inline constexpr const char* kRestart = "agena/restart";           // "no", "on-failure[:MAX]", "always"
inline constexpr const char* kStopSignal = "agena/stop-signal";    // name or number of a signal
inline constexpr const char* kStopTimeout = "agena/stop-timeout";  // Go's duration syntax
inline constexpr const char* kHealthCheck = "agena/healthcheck";   // docker's Healthcheck object as JSON
// "true": the app says by sd_notify(3) when it is ready (appc's name).
inline constexpr const char* kNotifies = "appc.io/executor/supports-systemd-notify";

// Of apps: where standard input comes from and where output goes (app_io.h).
inline constexpr const char* kStdin = "coreos.com/rkt/stage2/stdin";
inline constexpr const char* kStdout = "coreos.com/rkt/stage2/stdout";
inline constexpr const char* kStderr = "coreos.com/rkt/stage2/stderr";
// Of apps: what is kept of their output (app_io.h).
inline constexpr const char* kLogDriver = "agena/log-driver";
inline constexpr const char* kLogMaxSize = "agena/log-max-size";
inline constexpr const char* kLogMaxFiles = "agena/log-max-files";

// Log files for Kubernetes. Of the pod: "k8s-plain", and a directory of the host; of apps: a path below it.
inline constexpr const char* kLogMode = "coreos.com/rkt/experiment/logmode";
inline constexpr const char* kKubernetesLogDir = "coreos.com/rkt/experiment/kubernetes-log-dir";
inline constexpr const char* kKubernetesLogPath = "coreos.com/rkt/experiment/kubernetes-log-path";

}  // namespace agena::schema::annotation
