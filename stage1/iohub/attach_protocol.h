// Messages between `attach` and the hub, one per SOCK_SEQPACKET message: a letter, then what belongs to it.
//
//   client ── open ──▶ hub      JSON: which streams of which app; answered by `opened` or `refused`
//   client ── input, end of input, window, signal ──▶ hub
//   hub ── output, errors ──▶ client
//   hub ── ended ──▶ client     the app has ended and everything it wrote was sent
//   hub ── dropped ──▶ client   the client did not keep up; the connection closes
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::stage1 {

// Longest message of either side.
inline constexpr std::size_t kMaxAttachMessage = 64U << 10U;
// Most bytes of a stream that one message carries.
inline constexpr std::size_t kMaxAttachData = 32U << 10U;

enum class AttachStream { kStdin, kStdout, kStderr, kTtyIn, kTtyOut };
// "stdin", "stdout", "stderr", "tty-in", "tty-out".
std::string_view name_of(AttachStream stream);

// What a client wants, or may have. Without streams it only asks what there is.
struct AttachStreams {
  std::string app;
  std::vector<AttachStream> streams;  // none twice
  bool operator==(const AttachStreams&) const = default;
};

enum class AttachKind : char {
  kOpen = 'A',
  kInput = 'i',
  kEndOfInput = 'c',
  kWindow = 'w',
  kSignal = 's',
  kOpened = 'a',
  kRefused = 'r',
  kOutput = 'o',
  kErrors = 'e',
  kEnded = 'x',
  kDropped = 'd',
};

struct AttachMessage {
  AttachKind kind;
  std::string_view data;
};

// Splits a message; an error for one that is empty or of an unknown kind.
Result<AttachMessage> read_attach_message(std::string_view bytes);
std::string attach_message(AttachKind kind, std::string_view data = {});

std::string render_attach_streams(const AttachStreams& streams);
// Unknown members and streams, and streams that are there twice, are errors.
Result<AttachStreams> parse_attach_streams(std::string_view json);

// Rows and columns of a terminal.
struct AttachWindow {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  bool operator==(const AttachWindow&) const = default;
};
std::string render_attach_window(const AttachWindow& window);
Result<AttachWindow> parse_attach_window(std::string_view bytes);

// A signal that may be passed on: one byte, INT, QUIT, TERM, USR1 or USR2.
Result<int> parse_attach_signal(std::string_view bytes);

}  // namespace agena::stage1
