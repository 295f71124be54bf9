#include "stage1/iohub/app_log.h"

#include <fmt/format.h>

namespace agena::stage1 {

AppLog::AppLog(const sys::DirFd& pod_dir, const StreamSettings& settings) : app_(settings.app) {
  const schema::AppIo& io = settings.io;
  if (io.log_file) file_ = std::make_unique<LogFile>(pod_dir, app_, io.log_max_size, io.log_max_files);
  if (!settings.kubernetes_path.empty())
    kubernetes_ = std::make_unique<KubernetesLog>(settings.kubernetes_dir, settings.kubernetes_path);
}

void AppLog::begin(LogStream stream, int pid, Nanoseconds time, Nanoseconds monotonic) {
  console_prefix_.clear();
  // journald's console forward: seconds in five columns, microseconds.
  fmt::format_to(std::back_inserter(console_prefix_), "[{:5}.{:06}] {}[{}]: ", monotonic / kSecond,
                 monotonic % kSecond / 1000, app_, pid);
  console_.clear();
  if (!file_ && !kubernetes_) return;
  record_prefix_ = contract::log_prefix(time, stream);
  records_.clear();
}

void AppLog::line(std::string_view text, bool complete) {
  console_.append(console_prefix_).append(text).push_back('\n');
  if (file_ || kubernetes_) contract::append_log_records(records_, record_prefix_, text, complete);
}

std::string_view AppLog::end() {
  if (!records_.empty()) {
    if (file_) file_->append(records_);
    if (kubernetes_) kubernetes_->append(records_);
  }
  return console_;
}

}  // namespace agena::stage1
