// rkt/life/APP: what the supervisor tells of the course of an app that may be restarted, says when it is
// ready, or is checked, and of every app of a mutable pod. Written by stage1 by rename, read by stage0's
// `status`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"

namespace agena::contract {

enum class Health { kStarting, kHealthy, kUnhealthy };
// "starting", "healthy", "unhealthy".
std::string_view to_string(Health health);

struct AppLifeStatus {
  std::uint32_t restarts = 0;
  std::optional<int> last_exit_code = {};  // of the last end, whether or not it was the last of all
  std::optional<Nanoseconds> last_exit_at = {};
  std::string last_signal = {};                // what ended it, as in "SIGKILL"; empty: it exited by itself
  std::optional<Nanoseconds> started_at = {};  // of the last start
  std::optional<Nanoseconds> restart_at = {};  // while the next start is put off
  std::optional<bool> ready = {};              // of apps that are waited for
  std::string status_text = {};                // what the app last said of itself (STATUS= of sd_notify(3))
  std::optional<Health> health = {};           // of apps that are checked
  std::uint32_t health_failures = 0;           // failed checks in a row
  std::string health_output = {};              // of the last failed check, its end
  bool operator==(const AppLifeStatus&) const = default;
};

// The file as JSON, and back; unknown members are let be, for they come from a newer stage1.
Result<std::string> render_app_life(const AppLifeStatus& status);
Result<AppLifeStatus> parse_app_life(std::string_view json);

// Writes and reads it below a stage1 root; nullopt if there is none.
Result<> write_app_life(const sys::DirFd& stage1_root, std::string_view app, const AppLifeStatus& status);
Result<std::optional<AppLifeStatus>> read_app_life(const sys::DirFd& stage1_root, std::string_view app);

}  // namespace agena::contract
