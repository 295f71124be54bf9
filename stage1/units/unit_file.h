// systemd unit files as text (systemd.syntax(7)): sections, directives in order, quoting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agena::stage1 {

// Builds one unit file.
class UnitFile {
 public:
  // Starts a section: "[Unit]".
  UnitFile& section(std::string_view name);
  // One directive; newlines in the value become spaces, since a newline would start another directive.
  UnitFile& set(std::string_view key, std::string_view value);
  // A directive whose value is a command line: each word quoted.
  UnitFile& command(std::string_view key, const std::vector<std::string>& words);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// A word of a command line, so that systemd passes exactly these bytes: in double quotes, with \ and "
// escaped, control bytes as
// \xNN, and the specifiers % and $ doubled.
std::string quote_word(std::string_view word);
// Quoted words with spaces between them.
std::string command_line(const std::vector<std::string>& words);

}  // namespace agena::stage1
