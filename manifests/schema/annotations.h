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

}  // namespace agena::schema::annotation
