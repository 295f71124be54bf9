// A manual page in man(7) macros. Knows nothing of commands.
#pragma once

#include <string>
#include <string_view>

namespace agena::stage0::roff {

// Plain text as troff takes it literally, for use within a line: dashes stay dashes, quotes stay quotes.
std::string text(std::string_view plain);
// The same in a font.
std::string bold(std::string_view plain);
std::string italic(std::string_view plain);
// A synopsis: words of capital letters, which stand for something else, in italics, the rest as it is.
std::string synopsis(std::string_view plain);

// The page as it grows. What is called `line` is troff already: made by the functions above.
class Page {
 public:
  // `source` names program and version at the foot of the page, `manual` stands at its head.
  Page(std::string_view title, int section, std::string_view source, std::string_view manual);

  void section(std::string_view title);
  void subsection(std::string_view title);
  // A paragraph per line of the text, which is plain.
  void paragraphs(std::string_view plain);
  void paragraph(const std::string& line);
  // A tag and what it means, indented.
  void item(const std::string& tag, const std::string& line);
  // What is typed or printed, as it is.
  void example(std::string_view plain);
  std::string take() { return std::move(text_); }

 private:
  void add(std::string_view line);

  std::string text_;
};

}  // namespace agena::stage0::roff
