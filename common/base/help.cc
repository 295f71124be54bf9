#include "common/base/help.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/text_width.h"

namespace agena {
namespace {

constexpr std::size_t kFewOptions = 12;  // so many are shown without groups
constexpr std::size_t kHelpColumn = 36;  // where the explanations of options begin
constexpr std::size_t kTabWidth = 8;

class HelpText {
 public:
  HelpText(std::span<const HelpTerm> terms, std::size_t width) : terms_(terms), width_(width) {}

  void section(std::string_view title) { text_ += fmt::format("{}{}:\n", text_.empty() ? "" : "\n", title); }
  void paragraph(std::string_view text) {
    for (const std::string& line : wrap_text(expand_terms(text, terms_), width_ - kTabWidth))
      text_ += line.empty() ? "\n" : "\t" + line + "\n";
  }
  // Two columns: a name and its explanation, which starts at a fixed column and may take several lines.
  void row(const std::string& left, std::string_view explanation, std::size_t column) {
    const auto lines = wrap_text(expand_terms(explanation, terms_), width_ - column);
    std::string line = left;
    for (const std::string& part : lines) {
      if (text_width(line) + 1 > column) {
        text_ += line + "\n";
        line.clear();
      }
      line.append(column - text_width(line), ' ');
      text_ += line + part + "\n";
      line.clear();
    }
    if (lines.empty()) text_ += line + "\n";
  }
  // Lines as they are.
  void lines(std::string_view text) {
    for (const std::string& line : split(text, '\n')) text_ += "\t" + expand_terms(line, terms_) + "\n";
  }
  void options(std::string_view title, std::span<const Option* const> shown) {
    if (shown.empty()) return;
    section(title);
    for (const Option* option : shown) {
      const std::string lead =
          option->short_name == '\0' ? "      " : fmt::format("  -{}, ", option->short_name);
      row(lead + option_synopsis(*option, terms_),
          std::string(option->help) + (option->repeatable ? " (may be repeated)" : ""), kHelpColumn);
    }
  }
  void commands(const std::vector<const CommandSpec*>& commands, std::string_view group) {
    if (commands.empty()) return;
    std::size_t column = 0;
    for (const CommandSpec* command : commands)
      column = std::max(column, command->name.size() - group.size());
    section("COMMANDS");
    const std::size_t skip = group.empty() ? 0 : group.size() + 1;
    for (const CommandSpec* command : commands)
      row("  " + std::string(command->name.substr(skip)), command->summary, column + 4);
  }
  std::string take() { return std::move(text_); }

 private:
  std::span<const HelpTerm> terms_;
  std::size_t width_;
  std::string text_;
};

}  // namespace

std::string expand_terms(std::string_view text, std::span<const HelpTerm> terms) {
  std::string expanded;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    expanded += text.substr(0, open);
    if (open == std::string_view::npos) break;
    text.remove_prefix(open);
    const auto term = std::ranges::find_if(terms, [&](const HelpTerm& candidate) {
      return text.substr(1).starts_with(candidate.name) &&
             text.substr(1 + candidate.name.size()).starts_with('}');
    });
    if (term == terms.end()) {
      expanded += '{';
      text.remove_prefix(1);
      continue;
    }
    expanded += term->value;
    text.remove_prefix(term->name.size() + 2);
  }
  return expanded;
}

std::vector<std::string> wrap_text(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  for (const std::string& paragraph : split(text, '\n')) {
    std::string line;
    for (const std::string& word : split(paragraph, ' ')) {
      if (!line.empty() && line.size() + 1 + word.size() > width) {
        lines.push_back(std::move(line));
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<const CommandSpec*> visible_commands(const ProgramSpec& program, std::string_view group) {
  std::vector<const CommandSpec*> commands;
  const std::string prefix = group.empty() ? "" : std::string(group) + " ";
  for (const CommandSpec* command : program.commands) {
    const bool exists = command->needs_env.empty() || env_is_true(command->needs_env);
    if (!exists || command->hidden || !command->name.starts_with(prefix)) continue;
    if (!command->name.substr(prefix.size()).contains(' ')) commands.push_back(command);
  }
  return commands;
}

std::vector<const Option*> visible_options(std::span<const OptionList> lists) {
  std::vector<const Option*> options;
  for (const OptionList list : lists)
    for (const Option* option : list)
      if (!option->hidden && option->replaced_by.empty() && find_option(lists, option->name) == option)
        options.push_back(option);
  std::ranges::sort(options, {}, &Option::name);
  return options;
}

std::string option_synopsis(const Option& option, std::span<const HelpTerm> terms) {
  const std::string initial = expand_terms(option.initial, terms);
  const std::string_view value = !initial.empty()                       ? std::string_view(initial)
                                 : option.arity == OptionArity::kSwitch ? std::string_view("false")
                                                                        : option.value_name;
  const bool optional = option.arity == OptionArity::kOptionalValue;
  return fmt::format("--{}{}={}{}", option.name, optional ? "[" : "", value, optional ? "]" : "");
}

std::vector<ShownOptions> grouped_options(const ProgramSpec& program, const CommandSpec& command) {
  std::vector<ShownOptions> groups(program.groups.size() + 1);
  groups.front().title = "OPTIONS";
  for (std::size_t i = 0; i < program.groups.size(); ++i) groups[i + 1].title = program.groups[i].title;
  const auto shown = visible_options(command.options);
  for (const Option* option : shown) {
    const auto owner = std::ranges::find_if(program.groups, [&](const OptionGroup& group) {
      return std::ranges::find(group.names, option->name) != group.names.end();
    });
    const bool alone = shown.size() <= kFewOptions || owner == program.groups.end();
    groups[alone ? 0 : static_cast<std::size_t>(owner - program.groups.begin()) + 1].options.push_back(
        option);
  }
  std::erase_if(groups, [](const ShownOptions& group) { return group.options.empty(); });
  return groups;
}

namespace {

// All global options in a few words: their explanations are in the program's help.
std::string global_option_names(const ProgramSpec& program) {
  std::vector<std::string> names;
  for (const Option* option : visible_options(std::array{program.global_options}))
    names.push_back(fmt::format("--{}", option->name));
  return fmt::format("{} (see '{} help')", join(names, ", "), program.name);
}

}  // namespace

std::string command_help(const ProgramSpec& program, const CommandSpec& command, std::size_t width) {
  HelpText help(program.terms, width);
  const std::string full_name = fmt::format("{} {}", program.name, command.name);
  const auto subcommands = visible_commands(program, command.name);
  help.section("NAME");
  help.paragraph(fmt::format("{} - {}", full_name, command.summary));
  help.section("USAGE");
  const std::string_view usage = subcommands.empty() ? command.usage : "COMMAND";
  help.paragraph(full_name + (usage.empty() ? "" : " ") + std::string(usage));
  help.commands(subcommands, command.name);
  if (!command.description.empty()) {
    help.section("DESCRIPTION");
    help.paragraph(command.description);
  }
  if (!command.examples.empty()) {
    help.section("EXAMPLES");
    help.lines(command.examples);
  }
  for (const ShownOptions& group : grouped_options(program, command))
    help.options(group.title, group.options);
  help.section("GLOBAL OPTIONS");
  help.paragraph(global_option_names(program));
  return help.take();
}

std::string program_help(const ProgramSpec& program, std::size_t width) {
  HelpText help(program.terms, width);
  help.section("NAME");
  help.paragraph(fmt::format("{} - {}", program.name, program.summary));
  help.section("USAGE");
  help.paragraph(fmt::format("{} COMMAND", program.name));
  help.section("VERSION");
  help.paragraph(program.version);
  help.commands(visible_commands(program, ""), "");
  help.section("DESCRIPTION");
  help.paragraph(program.description);
  help.options("OPTIONS", visible_options(std::array{program.global_options}));
  return help.take();
}

}  // namespace agena
