#include "stage1/iohub/syslog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

constexpr std::size_t kMostPriorityDigits = 3;
constexpr int kMostPriority = 191;  // facility 23, severity 7
constexpr std::size_t kMostTag = 64;

void take_priority(std::string_view& bytes, SyslogMessage& message) {
  if (!bytes.starts_with('<')) return;
  const std::size_t end = bytes.substr(0, kMostPriorityDigits + 2).find('>');
  if (end == std::string_view::npos) return;
  const auto priority = parse_int(bytes.substr(1, end - 1), 0, kMostPriority);
  if (!priority) return;
  message.severity = static_cast<int>(*priority % 8);
  message.facility = static_cast<int>(*priority / 8);
  bytes.remove_prefix(end + 1);
}

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// "Mmm dd hh:mm:ss " as libc writes it; our own time is better.
void skip_time(std::string_view& bytes) {
  constexpr std::string_view kForm = "Mmm dd hh:mm:ss ";
  if (bytes.size() < kForm.size() || std::ranges::find(kMonths, bytes.substr(0, 3)) == kMonths.end()) return;
  for (std::size_t i = 3; i < kForm.size(); ++i) {
    const bool digit = (bytes[i] >= '0' && bytes[i] <= '9') || (i == 4 && bytes[i] == ' ');
    const bool literal = kForm[i] == ' ' || kForm[i] == ':';
    if (literal ? bytes[i] != kForm[i] : !digit) return;
  }
  bytes.remove_prefix(kForm.size());
}

bool is_tag_character(char c) { return c > ' ' && c < 0x7F && c != '[' && c != ']' && c != ':'; }

// "TAG[PID]:" or "TAG:"; nothing is taken if that is not there.
bool take_tag(std::string_view& bytes, SyslogMessage& message) {
  std::size_t at = 0;
  while (at < bytes.size() && at <= kMostTag && is_tag_character(bytes[at])) ++at;
  if (at == 0 || at > kMostTag || at == bytes.size()) return false;
  const std::string_view tag = bytes.substr(0, at);
  int pid = 0;
  if (bytes[at] == '[') {
    const std::size_t end = bytes.find(']', at);
    if (end == std::string_view::npos) return false;
    const auto number = parse_int(bytes.substr(at + 1, end - at - 1), 1, INT32_MAX);
    if (!number) return false;
    pid = static_cast<int>(*number);
    at = end + 1;
  }
  if (at == bytes.size() || bytes[at] != ':') return false;
  bytes.remove_prefix(at + 1);
  if (bytes.starts_with(' ')) bytes.remove_prefix(1);
  message.tag = tag;
  message.pid = pid;
  return true;
}

// A host's name before the tag, as messages from afar have it.
void take_tag_behind_host(std::string_view& bytes, SyslogMessage& message) {
  const std::size_t end = bytes.find(' ');
  if (end == std::string_view::npos || end == 0 || end > kMostTag) return;
  if (!std::ranges::all_of(bytes.substr(0, end), is_tag_character)) return;
  std::string_view rest = bytes.substr(end + 1);
  if (take_tag(rest, message)) bytes = rest;
}

}  // namespace

SyslogMessage parse_syslog(std::string_view bytes) {
  SyslogMessage message;
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\0')) bytes.remove_suffix(1);
  take_priority(bytes, message);
  const std::size_t before = bytes.size();
  skip_time(bytes);
  const bool timed = bytes.size() != before;
  if (!take_tag(bytes, message) && timed) take_tag_behind_host(bytes, message);
  message.text = bytes;
  return message;
}

std::string syslog_line(const SyslogMessage& message) {
  std::string line;
  if (!message.tag.empty()) {
    line.append(message.tag);
    if (message.pid != 0) line += fmt::format("[{}]", message.pid);
    line += ": ";
  }
  for (const char c : message.text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' && c != '\t')
      line += fmt::format("#{:03o}", byte);
    else
      line.push_back(c);
  }
  return line;
}

}  // namespace agena::stage1
