#include "stage0/cli/man.h"

#include <array>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

// Text as troff takes it literally: backslashes, and dashes that shall stay dashes; dots and quotes that
// begin a line would be requests.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += std::string("\\&") + c;
    else
      out += c;
  }
  return out;
}

class ManText {
 public:
  explicit ManText(const ProgramSpec& program) : program_(program) {}

  void title() {
    std::string upper(program_.name);
    for (char& c : upper)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    text_ +=
        fmt::format(".TH {} 1 \"\" \"{} {}\" \"User Commands\"\n", upper, program_.name, program_.version);
  }
  void section(std::string_view name) { text_ += fmt::format(".SH {}\n", name); }
  void subsection(std::string_view name) { text_ += fmt::format(".SS \"{}\"\n", escaped(name)); }
  void line(std::string_view text) { text_ += expand_and_escape(text) + "\n"; }
  // Lines of the text are paragraphs.
  void paragraphs(std::string_view text) {
    std::string_view separator;
    for (const std::string& part : split(text, '\n')) {
      text_ += std::string(separator) + expand_and_escape(part) + "\n";
      separator = ".PP\n";
    }
  }
  void bold(std::string_view text) { text_ += fmt::format(".B {}\n", expand_and_escape(text)); }
  void options(std::span<const OptionList> lists) {
    for (const Option* option : visible_options(lists)) {
      const std::string short_form =
          option->short_name == '\0' ? "" : fmt::format("-{}, ", option->short_name);
      text_ += fmt::format(".TP\n.B {}\n", escaped(short_form + option_synopsis(*option, program_.terms)));
      line(std::string(option->help) + (option->repeatable ? " (may be repeated)." : "."));
    }
  }
  void examples(std::string_view lines) {
    if (lines.empty()) return;
    text_ += ".PP\nExamples:\n.PP\n.nf\n";
    for (const std::string& one : split(lines, '\n')) text_ += ".RS 4\n" + expand_and_escape(one) + "\n.RE\n";
    text_ += ".fi\n";
  }
  void commands(std::string_view group) {
    for (const CommandSpec* command : visible_commands(program_, group)) {
      const auto members = visible_commands(program_, command->name);
      if (!members.empty()) {
        commands(command->name);
        continue;
      }
      subsection(fmt::format("{} {}", program_.name, command->name));
      bold(fmt::format("{} {}{}{}", program_.name, command->name, command->usage.empty() ? "" : " ",
                       command->usage));
      text_ += ".PP\n";
      line(std::string(command->summary) + ".");
      if (!command->description.empty()) {
        text_ += ".PP\n";
        paragraphs(command->description);
      }
      examples(command->examples);
      options(command->options);
    }
  }
  std::string take() { return std::move(text_); }

 private:
  std::string expand_and_escape(std::string_view text) const {
    return escaped(expand_terms(text, program_.terms));
  }

  const ProgramSpec& program_;
  std::string text_;
};

}  // namespace

std::string man_page(const ProgramSpec& program) {
  ManText man(program);
  man.title();
  man.section("NAME");
  man.line(fmt::format("{} - {}", program.name, program.summary));
  man.section("SYNOPSIS");
  man.bold(fmt::format("{} COMMAND", program.name));
  man.section("DESCRIPTION");
  man.paragraphs(program.description);
  man.section("GLOBAL OPTIONS");
  man.options(std::array{program.global_options});
  man.section("COMMANDS");
  man.commands("");
  man.section("EXIT STATUS");
  man.paragraphs(
      "0 on success. 254 on any failure of the engine itself, and for usage errors. run and run-prepared end "
      "with the exit code of the pod: that of the first app that failed. 2 if no command is given; 1 if "
      "status "
      "or stop cannot read the file named by --uuid-file.");
  return man.take();
}

}  // namespace agena::stage0
