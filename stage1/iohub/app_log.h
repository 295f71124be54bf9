// Where the lines of one app go: console text, log files, the host's journal.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/contract/log_format.h"
#include "common/sys/fd.h"
#include "stage1/iohub/journal.h"
#include "stage1/iohub/log_file.h"
#include "stage1/iohub/stream_settings.h"
#include "stage1/iohub/syslog.h"

namespace agena::stage1 {

using contract::LogStream;

class AppLog {
 public:
  // Gives the journal, or nullptr where there is none; asked for the first line.
  using FindJournal = std::function<Journal*()>;
  // `pod_dir` must outlive it.
  AppLog(const sys::DirFd& pod_dir, const StreamSettings& settings, FindJournal find_journal = {});

  // Lines that were read together bear one time. begin(), any number of line(), end().
  void begin(LogStream stream, int pid, Nanoseconds time, Nanoseconds monotonic);
  void line(std::string_view text, bool complete);
  // A message of /dev/log instead of lines; `pid` is the app's, in case the message does not tell one.
  void syslog(const SyslogMessage& message, int pid, Nanoseconds time, Nanoseconds monotonic);
  // Writes the files; gives the lines as the console shows them, "[ secs.micros] app[pid]: text\n". The view
  // is good until the next begin().
  std::string_view end();

 private:
  void add(std::string_view text, bool complete);

  std::string app_;
  FindJournal find_journal_;
  Journal* journal_ = nullptr;
  std::string journal_facts_;  // fields that all entries of the app have
  std::string journal_stream_;
  int priority_ = 0;
  bool console_wanted_;
  std::unique_ptr<LogFile> file_;
  std::unique_ptr<KubernetesLog> kubernetes_;
  std::string console_prefix_;
  std::string record_prefix_;
  std::string console_;
  std::string records_;
};

}  // namespace agena::stage1
