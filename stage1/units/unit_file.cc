#include "stage1/units/unit_file.h"

#include <fmt/core.h>

namespace agena::stage1 {

UnitFile& UnitFile::section(std::string_view name) {
  text_ += fmt::format("{}[{}]\n", text_.empty() ? "" : "\n", name);
  return *this;
}

UnitFile& UnitFile::set(std::string_view key, std::string_view value) {
  std::string line(value);
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  text_ += fmt::format("{}={}\n", key, line);
  return *this;
}

UnitFile& UnitFile::command(std::string_view key, const std::vector<std::string>& words) {
  return set(key, command_line(words));
}

std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quote_word(word);
  return line;
}

std::string quote_word(std::string_view word) {
  std::string quoted = "\"";
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      quoted += std::string("\\") + c;
    else if (c == '%' || c == '$')
      quoted += std::string(2, c);
    else if (byte < 0x20 || byte == 0x7F)
      quoted += fmt::format("\\x{:02x}", byte);
    else
      quoted += c;
  }
  return quoted + "\"";
}

}  // namespace agena::stage1
