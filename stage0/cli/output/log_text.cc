#include "stage0/cli/output/log_text.h"

#include "common/base/json_text.h"
#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

// Length of the colour sequence ("ESC [ 1;31 m") that the text begins with, 0 if there is none.
std::size_t colour_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;:", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

// Tabs are harmless; printable() does not know that.
std::string visible(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t tab = std::min(text.find('\t', at), text.size());
    out += printable(text.substr(at, tab - at));
    if (tab < text.size()) out += '\t';
    at = tab + 1;
  }
  return out;
}

}  // namespace

std::string safe_for_terminal(std::string_view text) {
  std::string out;
  bool coloured = false;
  while (!text.empty()) {
    const std::size_t escape = std::min(text.find('\x1b'), text.size());
    out += visible(text.substr(0, escape));
    text.remove_prefix(escape);
    if (text.empty()) break;
    const std::size_t colour = colour_length(text);
    coloured = coloured || colour > 0;
    out += colour > 0 ? std::string(text.substr(0, colour)) : printable(text.substr(0, 1));
    text.remove_prefix(std::max<std::size_t>(colour, 1));
  }
  // A colour ends with its line.
  if (coloured) out += "\x1b[0m";
  return out;
}

Result<std::string> log_text(const std::string& app, const LogLine& line, const LogStyle& style) {
  if (style.json) {
    const json_text::Json object = {
        {"time", rfc3339(line.time)},
        {"app", app},
        {"stream", contract::name_of(line.stream)},
        {"message", is_utf8(line.text) ? std::string(line.text) : visible(line.text)}};
    return TRY(json_text::dump(object)) + "\n";
  }
  std::string out;
  if (style.timestamps) out += rfc3339(line.time) + " ";
  if (style.app_names) out += app + ": ";
  const bool led = !out.empty();
  if (style.safe)
    out += safe_for_terminal(line.text);
  else
    out.append(line.text);
  if (line.complete || led || style.safe) out += '\n';
  return out;
}

}  // namespace agena::stage0
