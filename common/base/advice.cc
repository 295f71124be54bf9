#include "common/base/advice.h"

#include <algorithm>

#include "common/base/help.h"
#include "common/base/strings.h"

namespace agena {
namespace {

std::string_view last_word(std::string_view name) { return name.substr(name.rfind(' ') + 1); }

bool exists(const Option& option) { return option.needs_env.empty() || env_is_true(option.needs_env); }

Error with_hint_if_any(Error error, std::string hint) {
  if (hint.empty()) return error;
  return std::move(error).with_hint(std::move(hint));
}

std::string did_you_mean(std::string_view what) {
  return what.empty() ? "" : fmt::format("did you mean '{}'?", what);
}

// The one candidate that begins with the word, or empty.
std::string only_completion(std::string_view word, const std::vector<std::string>& candidates) {
  std::string found;
  for (const std::string& candidate : candidates) {
    if (!candidate.starts_with(word)) continue;
    if (!found.empty()) return "";
    found = candidate;
  }
  return found;
}

// "-net" or "-net=none" where "--net" was meant.
std::string with_two_dashes(std::string_view shown, std::span<const OptionList> lists) {
  if (shown.starts_with("--") || shown.size() < 3) return "";
  const std::string_view name = cut(shown.substr(1), '=').before;
  return find_option(lists, name) == nullptr ? "" : "--" + std::string(name);
}

// Commands that do have the option: "--tail is a flag of 'logs'".
std::string owners(std::string_view shown, const Vocabulary& vocabulary) {
  if (!shown.starts_with("--")) return "";
  std::vector<std::string> names;
  for (const CommandSpec* command : vocabulary.commands)
    if (find_option(command->options, shown.substr(2)) != nullptr)
      names.push_back(fmt::format("'{}'", command->name));
  constexpr std::size_t kMost = 3;
  if (names.empty() || vocabulary.command.empty()) return "";
  const bool more = names.size() > kMost;
  names.resize(std::min(names.size(), kMost));
  return fmt::format("{} is a flag of {}{}, not of '{}'", shown, join(names, ", "), more ? " and others" : "",
                     vocabulary.command);
}

std::string option_hint(std::string_view shown, std::span<const OptionList> lists,
                        const Vocabulary& vocabulary) {
  std::vector<std::string> names;
  for (const OptionList list : lists)
    for (const Option* option : list)
      if (!option->hidden && exists(*option)) names.push_back("--" + std::string(option->name));
  std::string hint = foreign_advice(shown, vocabulary);
  const bool joined = shown.size() > 2 && !shown.starts_with("--");
  if (hint.empty() && joined) hint = did_you_mean(with_two_dashes(shown, lists));
  if (hint.empty() && joined) hint = foreign_advice(shown.substr(0, 2), vocabulary);
  if (hint.empty()) hint = did_you_mean(closest(shown, names));
  if (hint.empty() && shown.size() > 3) hint = did_you_mean(only_completion(shown, names));
  if (hint.empty()) hint = owners(shown, vocabulary);
  if (hint.empty() && !vocabulary.command.empty())
    hint = fmt::format("'{} help {}' lists its flags", vocabulary.program, vocabulary.command);
  return hint;
}

// A command of another group, or of the top, that has the name.
std::string elsewhere(std::string_view word, CommandList commands) {
  for (const CommandSpec* command : commands)
    if (!command->hidden && last_word(command->name) == word) return std::string(command->name);
  return "";
}

}  // namespace

std::string foreign_advice(std::string_view word, const Vocabulary& vocabulary) {
  for (const ForeignWord& row : vocabulary.foreign) {
    if (row.word != word) continue;
    const auto places = split(row.commands, ',');
    if (row.commands.empty() || std::ranges::find(places, vocabulary.command) != places.end())
      return expand_terms(row.advice, std::vector<HelpTerm>{{"program", std::string(vocabulary.program)}});
  }
  return "";
}

Error unknown_option(std::string_view shown, std::span<const OptionList> lists,
                     const Vocabulary& vocabulary) {
  return with_hint_if_any(Error(ErrorKind::kInvalidInput, fmt::format("unknown flag '{}'", printable(shown))),
                          option_hint(shown, lists, vocabulary));
}

Error unknown_command(std::string_view word, std::string_view group, CommandList commands,
                      std::span<const std::size_t> children, const Vocabulary& vocabulary) {
  const std::string prefix = group.empty() ? "" : std::string(group) + " ";
  std::vector<std::string> names;
  for (const std::size_t i : children)
    if (!commands[i]->hidden) names.emplace_back(last_word(commands[i]->name));
  Vocabulary here = vocabulary;
  here.command = group;
  std::string hint = foreign_advice(prefix + std::string(word), here);
  if (hint.empty()) hint = did_you_mean(elsewhere(word, commands));
  if (const std::string best = closest(word, names); hint.empty() && !best.empty())
    hint = did_you_mean(prefix + best);
  if (hint.empty() && !vocabulary.program.empty())
    hint = group.empty() ? fmt::format("'{} help' lists the commands", vocabulary.program)
                         : fmt::format("'{} {}' lists its commands", vocabulary.program, group);
  return with_hint_if_any(
      Error(ErrorKind::kInvalidInput, fmt::format("unknown command '{}{}'", prefix, printable(word))),
      std::move(hint));
}

Error unknown_choice(std::string_view option, std::string_view value,
                     std::span<const std::string_view> choices) {
  std::vector<std::string> names;
  for (const std::string_view choice : choices)
    if (!choice.empty()) names.emplace_back(choice);
  return with_hint_if_any(Error(ErrorKind::kInvalidInput, fmt::format("--{}: '{}' is none of: {}", option,
                                                                      printable(value), join(names, ", "))),
                          did_you_mean(closest(value, names)));
}

}  // namespace agena
