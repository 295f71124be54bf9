#include "stage1/iohub/app_log.h"

#include <fmt/format.h>
#include <syslog.h>

namespace agena::stage1 {
namespace {

std::string facts_of(const StreamSettings& settings) {
  std::string facts;
  append_journal_field(facts, "AGENA_POD_UUID", settings.pod_uuid);
  append_journal_field(facts, "AGENA_APP", settings.app);
  append_journal_field(facts, "AGENA_IMAGE", settings.image);
  return facts;
}

}  // namespace

AppLog::AppLog(const sys::DirFd& pod_dir, const StreamSettings& settings, FindJournal find_journal)
    : app_(settings.app),
      find_journal_(std::move(find_journal)),
      journal_facts_(settings.journal ? facts_of(settings) : std::string()),
      console_wanted_(settings.console) {
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
  if (file_ || kubernetes_) {
    record_prefix_ = contract::log_prefix(time, stream);
    records_.clear();
  }
  journal_ = journal_facts_.empty() ? nullptr : find_journal_();
  if (journal_ == nullptr) return;
  priority_ = stream == LogStream::kStderr ? LOG_ERR : LOG_INFO;
  journal_stream_.clear();
  append_journal_field(journal_stream_, "AGENA_STREAM", contract::name_of(stream));
  append_journal_field(journal_stream_, "SYSLOG_IDENTIFIER", app_);
  append_journal_field(journal_stream_, "SYSLOG_PID", fmt::format("{}", pid));
}

void AppLog::add(std::string_view text, bool complete) {
  // Where the console is the journal, and lines go there natively, they would be there twice.
  if (console_wanted_ || journal_ == nullptr) console_.append(console_prefix_).append(text).push_back('\n');
  if (file_ || kubernetes_) contract::append_log_records(records_, record_prefix_, text, complete);
}

void AppLog::line(std::string_view text, bool complete) {
  add(text, complete);
  if (journal_ == nullptr) return;
  const PrioritisedLine line = split_priority(text, priority_);
  std::string entry = journal_facts_ + journal_stream_;
  append_journal_field(entry, "PRIORITY", fmt::format("{}", line.priority));
  append_journal_field(entry, "MESSAGE", line.text);
  journal_->send(std::move(entry));
}

void AppLog::syslog(const SyslogMessage& message, int pid, Nanoseconds time, Nanoseconds monotonic) {
  begin(message.severity <= LOG_ERR ? LogStream::kStderr : LogStream::kStdout, pid, time, monotonic);
  add(syslog_line(message), true);
  if (journal_ == nullptr) return;
  std::string entry = journal_facts_;
  append_journal_field(entry, "PRIORITY", fmt::format("{}", most_urgent(message.severity)));
  append_journal_field(entry, "SYSLOG_FACILITY", fmt::format("{}", message.facility));
  append_journal_field(entry, "SYSLOG_IDENTIFIER",
                       message.tag.empty() ? std::string_view(app_) : message.tag);
  append_journal_field(entry, "SYSLOG_PID", fmt::format("{}", message.pid != 0 ? message.pid : pid));
  append_journal_field(entry, "MESSAGE", message.text);
  journal_->send(std::move(entry));
}

std::string_view AppLog::end() {
  if (!records_.empty()) {
    if (file_) file_->append(records_);
    if (kubernetes_) kubernetes_->append(records_);
    records_.clear();
  }
  return console_;
}

}  // namespace agena::stage1
