#include "common/base/options.h"

#include <algorithm>
#include <cstdlib>

#include "common/base/advice.h"
#include "common/base/strings.h"

namespace agena {
namespace {

bool exists(const Option& option) { return option.needs_env.empty() || env_is_true(option.needs_env); }
bool exists(const CommandSpec& command) {
  return command.needs_env.empty() || env_is_true(command.needs_env);
}

bool looks_like_option(std::string_view arg) { return arg.size() > 1 && arg[0] == '-' && arg != "--"; }

const Option* find_short_option(std::span<const OptionList> lists, char name) {
  for (const OptionList list : lists)
    for (const Option* option : list)
      if (option->short_name == name && exists(*option)) return option;
  return nullptr;
}

// An option argument taken apart: "--name=value", "--name" or "-n".
struct OptionText {
  std::string_view shown;  // with dashes, without value
  std::string_view value;
  bool has_value;
  const Option* option;
};

OptionText read_option_text(std::string_view arg, std::span<const OptionList> lists) {
  if (!arg.starts_with("--"))
    return {arg, {}, false, arg.size() == 2 ? find_short_option(lists, arg[1]) : nullptr};
  const Cut parts = cut(arg, '=');
  return {parts.before, parts.after, parts.found, find_option(lists, parts.before.substr(2))};
}

Result<> check_value(const Option& option, std::string_view value) {
  if (option.arity == OptionArity::kSwitch) TRY_CTX(parse_bool(value), "--{}", option.name);
  if (option.choices.empty() || std::ranges::find(option.choices, value) != option.choices.end()) return {};
  return std::unexpected(unknown_choice(option.name, value, option.choices));
}

}  // namespace

bool env_is_true(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value != nullptr && parse_bool(value).value_or(false);
}

Result<bool> parse_bool(std::string_view text) {
  struct Row {
    std::string_view name;
    bool value;
  };
  static constexpr std::array<Row, 12> kSpellings = {{{"1", true},
                                                      {"t", true},
                                                      {"T", true},
                                                      {"true", true},
                                                      {"TRUE", true},
                                                      {"True", true},
                                                      {"0", false},
                                                      {"f", false},
                                                      {"F", false},
                                                      {"false", false},
                                                      {"FALSE", false},
                                                      {"False", false}}};
  for (const Row& row : kSpellings)
    if (row.name == text) return row.value;
  return fail(ErrorKind::kInvalidInput, "expected true or false, found '{}'", printable(text));
}

const Option* find_option(std::span<const OptionList> lists, std::string_view name) {
  for (const OptionList list : lists)
    for (const Option* option : list)
      if (option->name == name && exists(*option)) return option;
  return nullptr;
}

bool ArgScanner::at_option() const { return looks_like_option(peek()); }

Result<OptionUse> ArgScanner::take_option() {
  const OptionText text = read_option_text(take(), lists_);
  if (text.option == nullptr) return std::unexpected(unknown_option(text.shown, lists_, vocabulary_));
  const Option& option = *text.option;
  OptionUse use{&option, text.has_value ? text.value : option.bare_value};
  if (!text.has_value && option.arity == OptionArity::kValue) {
    if (done()) return fail(ErrorKind::kInvalidInput, "flag '{}' needs a value", text.shown);
    use.value = take();
  }
  const std::string written = fmt::format("--{}={}", option.name, use.value);
  if (std::string advice = foreign_advice(written, vocabulary_); !advice.empty())
    return std::unexpected(
        Error(ErrorKind::kInvalidInput, fmt::format("unknown value in '{}'", printable(written)))
            .with_hint(std::move(advice)));
  TRY(check_value(option, use.value));
  return use;
}

const OptionUse* ParsedArgs::last(const Option& option) const {
  const auto it =
      std::find_if(uses.rbegin(), uses.rend(), [&](const OptionUse& use) { return use.option == &option; });
  return it == uses.rend() ? nullptr : &*it;
}

std::string_view ParsedArgs::text(const Option& option, std::string_view fallback) const {
  const OptionUse* use = last(option);
  return use == nullptr ? fallback : use->value;
}

bool ParsedArgs::flag(const Option& option) const {
  // The scanner has checked the spelling.
  return parse_bool(text(option, "false")).value_or(false);
}

std::vector<std::string_view> ParsedArgs::all(const Option& option) const {
  std::vector<std::string_view> values;
  for (const OptionUse& use : uses)
    if (use.option == &option) values.push_back(use.value);
  return values;
}

Result<ParsedArgs> parse_args(std::span<const std::string_view> args, std::span<const OptionList> lists,
                              ArgOrder order, const Vocabulary& vocabulary) {
  ParsedArgs parsed;
  ArgScanner scanner(args, lists, vocabulary);
  while (!scanner.done()) {
    if (scanner.at_option()) {
      parsed.uses.push_back(TRY(scanner.take_option()));
      continue;
    }
    const bool ends_options = scanner.peek() == "--";
    if (ends_options) scanner.take();
    if (!ends_options) parsed.arguments.push_back(scanner.take());
    if (!ends_options && order == ArgOrder::kMixed) continue;
    parsed.arguments.insert(parsed.arguments.end(), scanner.rest().begin(), scanner.rest().end());
    break;
  }
  return parsed;
}

namespace {

// Rows whose name is the group's words plus one more word.
std::vector<std::size_t> children_of(std::string_view group, CommandList commands) {
  std::vector<std::size_t> children;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    std::string_view name = commands[i]->name;
    if (!exists(*commands[i])) continue;
    if (!group.empty()) {
      if (!name.starts_with(group) || name.size() == group.size() || name[group.size()] != ' ') continue;
      name.remove_prefix(group.size() + 1);
    }
    if (!name.contains(' ')) children.push_back(i);
  }
  return children;
}

std::string_view last_word(std::string_view name) { return name.substr(name.rfind(' ') + 1); }

Result<std::size_t> match_word(std::string_view word, std::string_view group, CommandList commands,
                               const std::vector<std::size_t>& children, const Vocabulary& vocabulary) {
  std::vector<std::size_t> matches;
  std::vector<std::string> names;
  for (const std::size_t i : children) {
    const std::string_view name = last_word(commands[i]->name);
    if (name == word) return i;
    if (word.empty() || !name.starts_with(word)) continue;
    matches.push_back(i);
    names.emplace_back(name);
  }
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) return std::unexpected(unknown_command(word, group, commands, children, vocabulary));
  return fail(ErrorKind::kInvalidInput, "command '{}' is ambiguous, it may be: {}", printable(word),
              join(names, ", "));
}

}  // namespace

Result<FoundCommand> find_command(std::span<const std::string_view> args, CommandList commands,
                                  OptionList global_options, const Vocabulary& vocabulary) {
  // Which command will own an option is not known yet, so any command's may stand here; the tables agree on
  // the arity of equal names (a unit test of the program's tables).
  std::vector<OptionList> lists = {global_options};
  for (const CommandSpec* command : commands)
    lists.insert(lists.end(), command->options.begin(), command->options.end());

  FoundCommand found{commands.size(), {}};
  std::string_view group;
  ArgScanner scanner(args, lists, vocabulary);
  while (!scanner.done()) {
    if (scanner.at_option()) {
      const std::size_t before = args.size() - scanner.rest().size();
      TRY(scanner.take_option());
      const std::size_t after = args.size() - scanner.rest().size();
      found.args.insert(found.args.end(), args.begin() + static_cast<std::ptrdiff_t>(before),
                        args.begin() + static_cast<std::ptrdiff_t>(after));
      continue;
    }
    if (scanner.peek() == "--") break;
    const std::vector<std::size_t> children = children_of(group, commands);
    if (children.empty()) break;
    found.index = TRY(match_word(scanner.take(), group, commands, children, vocabulary));
    group = commands[found.index]->name;
    if (children_of(group, commands).empty()) break;
  }
  found.args.insert(found.args.end(), scanner.rest().begin(), scanner.rest().end());
  return found;
}

}  // namespace agena
