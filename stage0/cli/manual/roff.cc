#include "stage0/cli/manual/roff.h"

#include <algorithm>

#include "common/base/strings.h"

namespace agena::stage0::roff {
namespace {

// What troff would make something else of, or typography would.
std::string_view escape_of(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    case '"':
      return "\\(dq";
    default:
      return {};
  }
}

// Whether a word of a synopsis stands for something else: UUID, ARG…, [FLAGS].
bool is_metavariable(std::string_view word) {
  return word.size() > 1 && word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == word.npos &&
         word.front() != '-';
}

}  // namespace

std::string text(std::string_view plain) {
  std::string out;
  for (const char c : plain) {
    const std::string_view escape = escape_of(c);
    if (escape.empty())
      out += c;
    else
      out += escape;
  }
  return out;
}

std::string bold(std::string_view plain) { return "\\fB" + text(plain) + "\\fR"; }
std::string italic(std::string_view plain) { return "\\fI" + text(plain) + "\\fR"; }

std::string synopsis(std::string_view plain) {
  static constexpr std::string_view kWord = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
  std::string out;
  while (!plain.empty()) {
    const std::size_t begin = std::min(plain.find_first_of(kWord), plain.size());
    out += text(plain.substr(0, begin));
    plain.remove_prefix(begin);
    const std::size_t end = std::min(plain.find_first_not_of(kWord), plain.size());
    const std::string_view word = plain.substr(0, end);
    out += is_metavariable(word) ? italic(word) : text(word);
    plain.remove_prefix(end);
  }
  return out;
}

Page::Page(std::string_view title, int section, std::string_view source, std::string_view manual) {
  std::string upper(title);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  add(fmt::format(".TH {} {} \"\" \"{}\" \"{}\"", upper, section, source, manual));
  // No hyphens that are not in the text, and no gaps between words.
  add(".nr HY 0");
  add(".ad l");
}

void Page::add(std::string_view line) {
  text_ += line;
  text_ += '\n';
}

void Page::section(std::string_view title) { add(fmt::format(".SH {}", title)); }
void Page::subsection(std::string_view title) { add(fmt::format(".SS {}", title)); }

void Page::paragraph(const std::string& line) {
  // A section begins with a paragraph by itself.
  if (!text_.substr(0, text_.size() - 1).substr(text_.rfind('\n', text_.size() - 2) + 1).starts_with(".SH"))
    add(".PP");
  // At the beginning of a line a dot would be a request.
  add(line.starts_with('.') ? "\\&" + line : line);
}

void Page::paragraphs(std::string_view plain) {
  for (const std::string& part : split(plain, '\n')) paragraph(text(part));
}

void Page::item(const std::string& tag, const std::string& line) {
  add(".TP");
  add(tag);
  add(line.starts_with('.') ? "\\&" + line : line);
}

void Page::example(std::string_view plain) {
  add(".PP");
  add(".in +4n");
  add(".EX");
  for (const std::string& line : split(plain, '\n')) add((line.starts_with('.') ? "\\&" : "") + text(line));
  add(".EE");
  add(".in");
}

}  // namespace agena::stage0::roff
