// Where the lines of one app go: console text, log files, the host's journal.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/contract/log_format.h"
#include "common/sys/fd.h"
#include "stage1/iohub/log_file.h"
#include "stage1/iohub/stream_settings.h"

namespace agena::stage1 {

using contract::LogStream;

class AppLog {
 public:
  // `pod_dir` must outlive it.
  AppLog(const sys::DirFd& pod_dir, const StreamSettings& settings);

  // Lines that were read together bear one time. begin(), any number of line(), end().
  void begin(LogStream stream, int pid, Nanoseconds time, Nanoseconds monotonic);
  void line(std::string_view text, bool complete);
  // Writes the files; gives the lines as the console shows them, "[ secs.micros] app[pid]: text\n". The view
  // is good until the next begin().
  std::string_view end();

 private:
  std::string app_;
  std::unique_ptr<LogFile> file_;
  std::unique_ptr<KubernetesLog> kubernetes_;
  std::string console_prefix_;
  std::string record_prefix_;
  std::string console_;
  std::string records_;
};

}  // namespace agena::stage1
