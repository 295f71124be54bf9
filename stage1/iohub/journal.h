// The host's journal, spoken to natively: a datagram an entry, with structured fields. Never waits: what the
// journal does not take in time is dropped, counted, and told.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

// Appends a field in the journal's export format: "NAME=value\n", or for values of several lines the name, a
// newline, the length as 64 bits little-endian, and the value.
void append_journal_field(std::string& entry, std::string_view name, std::string_view value);

// A priority as an app may have it: what is more urgent than critical, journald writes to every terminal of
// the host.
int most_urgent(int priority);

// A line with the priority that it says of itself ("<3>text", as sd-daemon(3) has it), as far as it may, or
// the one given.
struct PrioritisedLine {
  int priority;
  std::string_view text;
};
PrioritisedLine split_priority(std::string_view line, int otherwise);

class Journal {
 public:
  // Nobody listens on hosts without systemd: nullptr then. `path` is the socket's.
  static Result<std::unique_ptr<Journal>> open(sys::EventLoop& loop, const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Sends an entry made of fields, or queues it for a moment.
  void send(std::string entry);
  // Sends what is queued, for at most so long, and tells what was lost.
  void flush(std::int64_t at_most_ms);

 private:
  static constexpr std::size_t kMostQueued = 8U << 20U;

  Journal(sys::EventLoop& loop, sys::UniqueFd socket) : loop_(loop), socket_(std::move(socket)) {}
  bool try_send(const std::string& entry);
  bool send_in_memory_file(const std::string& entry);
  Result<> send_queued();
  void watch(bool on);
  void lose(std::uint64_t entries);

  sys::EventLoop& loop_;
  sys::UniqueFd socket_;
  std::deque<std::string> queue_;
  std::size_t queued_ = 0;
  std::uint64_t lost_ = 0;
  bool told_ = false;
  bool watched_ = false;
};

// Whether a descriptor is a stream of this host's journal already, as $JOURNAL_STREAM tells ("DEVICE:INODE").
bool leads_into_journal(int fd, const char* journal_stream);

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

}  // namespace agena::stage1
