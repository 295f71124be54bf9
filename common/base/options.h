// Options and commands as tables: one declaration gives the parser, the help text, the shell completion and
// the man page. The grammar is rkt's (docs/adr/0003-option-parser.md). Knows no particular command.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena {

// How an option takes its value.
enum class OptionArity : std::uint8_t {
  kSwitch,         // --name, --name=BOOL
  kValue,          // --name=V, --name V; V may be empty and may start with '-'
  kOptionalValue,  // --name (stands for bare_value), --name=V; never --name V
};

// What a shell may offer for a value.
enum class Completes : std::uint8_t { kNothing, kFile, kDirectory, kPod, kImage };

// One option. Declared as constexpr objects and known by their address; texts may hold "{term}" placeholders
// that the help printer fills in (help.h).
struct Option {
  std::string_view name;             // without dashes
  char short_name = '\0';            // '\0': none
  std::string_view value_name = {};  // "PATH"; empty for switches
  std::string_view initial = {};     // the default as help shows it, empty if there is none
  OptionArity arity = OptionArity::kSwitch;
  std::string_view bare_value = "true";  // what a bare --name stands for
  std::string_view help = {};            // a clause, no full stop
  bool repeatable = false;               // each use adds; otherwise the last one counts
  bool hidden = false;                   // not in help
  std::string_view replaced_by = {};     // deprecated: what to write instead, "--pull-policy=never"
  std::string_view needs_env = {};       // exists only while this variable is true (rkt's experiments)
  std::span<const std::string_view> choices = {};  // the only values allowed; empty: any
  Completes completes = Completes::kNothing;
};

// Options by reference, so that commands share them.
using OptionList = std::span<const Option* const>;

// A word that other programs take and this one does not, and what to write instead.
struct ForeignWord {
  std::string_view
      commands;           // where it may be met: "run,prepare"; of a command word, its group; empty: anywhere
  std::string_view word;  // "ps", "-v", "--env", "--restart=onfailure"
  std::string_view advice;  // a hint; {program} stands for the program's name
};

struct CommandSpec;
using CommandList = std::span<const CommandSpec* const>;

// What a parser may say of words that it does not know; all of it may be empty.
struct Vocabulary {
  std::span<const ForeignWord> foreign = {};
  CommandList commands = {};      // of the whole program
  std::string_view program = {};  // as it was called
  std::string_view command = {};  // whose line is being read, "image list"
};

// One use of an option on a command line. The value is a view of argv or of the option's bare_value.
struct OptionUse {
  const Option* option;
  std::string_view value;
};

// The option with this long name in the lists, or nullptr. An option whose needs_env is not fulfilled does
// not exist.
const Option* find_option(std::span<const OptionList> lists, std::string_view name);

// Go's strconv.ParseBool: 1 t T true TRUE True and their opposites.
Result<bool> parse_bool(std::string_view text);

// Reads an argument vector token by token, for grammars that give an order a meaning (`run`).
class ArgScanner {
 public:
  // Views only: args, lists and options must outlive the scanner and what it returns.
  ArgScanner(std::span<const std::string_view> args, std::span<const OptionList> lists,
             const Vocabulary& vocabulary = {})
      : args_(args), lists_(lists), vocabulary_(vocabulary) {}

  bool done() const { return at_ == args_.size(); }
  // The next argument as it is; !done().
  std::string_view peek() const { return args_[at_]; }
  // Takes the next argument as it is; !done().
  std::string_view take() { return args_[at_++]; }
  // Whether the next argument is an option (starts with '-' and is neither "-" nor "--"); !done().
  bool at_option() const;
  // Takes the next argument, which is an option, and the value behind it if it needs one. Unknown options,
  // missing values, bad booleans and values outside the choices are kInvalidInput.
  Result<OptionUse> take_option();
  // All that has not been taken.
  std::span<const std::string_view> rest() const { return args_.subspan(at_); }

 private:
  std::span<const std::string_view> args_;
  std::span<const OptionList> lists_;
  Vocabulary vocabulary_;
  std::size_t at_ = 0;
};

// What a command line consists of, in order of appearance.
class ParsedArgs {
 public:
  std::vector<OptionUse> uses;
  std::vector<std::string_view> arguments;

  // Whether the option was used at all.
  bool has(const Option& option) const { return last(option) != nullptr; }
  // The last value, or the fallback if the option was not used.
  std::string_view text(const Option& option, std::string_view fallback = {}) const;
  // The last value of a switch as a bool, false if it was not used.
  bool flag(const Option& option) const;
  // All values, in order.
  std::vector<std::string_view> all(const Option& option) const;

 private:
  const OptionUse* last(const Option& option) const;
};

// Whether options may stand behind the first plain argument. kOptionsFirst: everything from there on is an
// argument (commands that run another command). "--" ends the options in both.
enum class ArgOrder : std::uint8_t { kMixed, kOptionsFirst };

// Parses an ordinary command's arguments (without program and command names).
Result<ParsedArgs> parse_args(std::span<const std::string_view> args, std::span<const OptionList> lists,
                              ArgOrder order = ArgOrder::kMixed, const Vocabulary& vocabulary = {});

// Gives a use to the row that owns its option, in a table of rows {.option, .set} where set is a
// `Result<> (*)(Target&, std::string_view value)`; false if no row owns it. Errors get the option as context.
template <class Rows, class Target>
Result<bool> apply_option(const Rows& rows, const OptionUse& use, Target& target) {
  for (const auto& row : rows) {
    if (&row.option != use.option) continue;
    TRY_CTX(row.set(target, use.value), "--{}", use.option->name);
    return true;
  }
  return false;
}

// Pointers to the options of such a table, for an OptionList.
template <class Row, std::size_t N>
consteval std::array<const Option*, N> options_of(const std::array<Row, N>& rows) {
  std::array<const Option*, N> list{};
  for (std::size_t i = 0; i < N; ++i) list[i] = &rows[i].option;
  return list;
}

// What a command needs before it may run.
enum CommandNeeds : std::uint8_t { kNeedsNothing = 0, kNeedsRoot = 1 };

// A command of a program, without its code. Words of the name are levels: "image list" belongs to the group
// "image", which is a row of its own.
struct CommandSpec {
  static constexpr std::size_t kAnyNumber = static_cast<std::size_t>(-1);

  std::string_view name;
  std::string_view summary = {};      // one line, no full stop
  std::string_view usage = {};        // what stands behind the name: "[--app=APP] UUID [CMD…]"
  std::string_view description = {};  // paragraphs
  std::string_view examples = {};     // lines as they would be typed, "{program} list"
  std::size_t min_args = 0;
  std::size_t max_args = 0;
  ArgOrder order = ArgOrder::kMixed;
  CommandNeeds needs = kNeedsNothing;
  bool hidden = false;
  std::string_view needs_env = {};           // exists only while this variable is true
  std::span<const OptionList> options = {};  // without the program's global ones
  Completes arguments = Completes::kNothing;
};

// Where in a program's argv the command stands.
struct FoundCommand {
  std::size_t index;                   // in the list; a group's row if no word of it followed
  std::vector<std::string_view> args;  // options before the command's words, then all behind them
};

// Finds the command words among options; a word may be cut to a unique prefix, and any command's options may
// stand before it. Success with index == commands.size() means that there was no command word.
Result<FoundCommand> find_command(std::span<const std::string_view> args, CommandList commands,
                                  OptionList global_options, const Vocabulary& vocabulary = {});

// Whether an environment variable is set to a true value ("1", "true", …).
bool env_is_true(std::string_view name);

}  // namespace agena
