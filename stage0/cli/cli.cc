#include "stage0/cli/cli.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/foreign_words.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/terminal.h"

namespace agena::stage0 {
namespace {

Result<> print_help(const Personality& personality, const CommandSpec* command) {
  std::vector<HelpTerm> terms;
  const ProgramSpec program = program_spec(personality, terms);
  const std::size_t width = help_width();
  return print(command == nullptr ? program_help(program, width) : command_help(program, *command, width));
}

Vocabulary vocabulary_of(const Personality& personality, std::string_view command) {
  return {.foreign = foreign_words(),
          .commands = command_specs(),
          .program = personality.name,
          .command = command};
}

// The line of a call without a command: only global flags.
Result<int> run_without_command(const Personality& personality, std::span<const std::string_view> args) {
  const ParsedArgs parsed =
      TRY(parse_args(args, std::array{global_options()}, ArgOrder::kMixed, vocabulary_of(personality, "")));
  const GlobalFlags flags = TRY(read_global_flags(parsed.uses));
  if (flags.help) {
    TRY(print_help(personality, nullptr));
    return contract::kExitSuccess;
  }
  log::error(Error(ErrorKind::kInvalidInput, "missing command")
                 .with_hint(fmt::format("'{} help' lists them", personality.name)));
  return contract::kExitNoCommand;
}

Result<> check_count(const CommandSpec& command, std::size_t count, std::string_view program) {
  if (count >= command.min_args && count <= command.max_args) return {};
  return std::unexpected(
      Error(ErrorKind::kInvalidInput, count < command.min_args ? "missing argument" : "too many arguments")
          .with_hint(fmt::format("usage: {} {}{}{}", program, command.name, command.usage.empty() ? "" : " ",
                                 command.usage)));
}

Result<> parse_line(const CommandRow& row, std::span<const std::string_view> args, Invocation& call) {
  std::vector<OptionList> lists(row.spec.options.begin(), row.spec.options.end());
  lists.push_back(global_options());
  const Vocabulary vocabulary = vocabulary_of(call.personality, row.spec.name);
  if (row.takes_images) {
    call.images = TRY(parse_image_args(args, {.options = lists,
                                              .app_options = row.app_options,
                                              .leading_app_options = row.leading_app_options,
                                              .vocabulary = vocabulary}));
    call.global = TRY(read_global_flags(call.images.uses));
  } else {
    call.args = TRY(parse_args(args, lists, row.spec.order, vocabulary));
    call.global = TRY(read_global_flags(call.args.uses));
  }
  return {};
}

Result<int> run_command(const CommandRow& row, std::span<const std::string_view> args, Invocation& call) {
  const std::string prefix(row.spec.name.substr(row.spec.name.rfind(' ') + 1));
  log::init(prefix, log::Level::kInfo);
  TRY(parse_line(row, args, call));
  if (call.global.debug) log::init(prefix, log::Level::kDebug);
  if (call.global.help || row.run == nullptr) {
    TRY(print_help(call.personality, &row.spec));
    return contract::kExitSuccess;
  }
  if (!row.takes_images) TRY(check_count(row.spec, call.args.arguments.size(), call.personality.name));
  if ((row.spec.needs & kNeedsRoot) != 0 && ::geteuid() != 0)
    return std::unexpected(Error(ErrorKind::kPermission, "cannot run as unprivileged user")
                               .with_hint(fmt::format("'{}' needs root: sudo {} {} …", row.spec.name,
                                                      call.personality.name, row.spec.name)));
  Result<int> code = row.run(call);
  if (code || row.failure == contract::kExitFailure) return code;
  log::error(code.error());
  return row.failure;
}

Result<int> dispatch(const Personality& personality, std::span<const std::string_view> args) {
  Invocation call{
      .personality = personality, .global = {}, .args = {}, .images = {}, .start = monotonic_now()};
  const FoundCommand found =
      TRY(find_command(args, command_specs(), global_options(), vocabulary_of(personality, "")));
  if (found.index == command_specs().size()) return run_without_command(personality, found.args);
  return run_command(command_rows()[found.index], found.args, call);
}

}  // namespace

int run_cli(std::span<const std::string_view> argv) {
  const Personality& personality = personality_for(argv.empty() ? "" : argv.front());
  log::init(std::string(personality.name), log::Level::kInfo);
  const Result<int> code = dispatch(personality, argv.empty() ? argv : argv.subspan(1));
  if (code) return *code;
  log::error(code.error());
  return contract::kExitFailure;
}

}  // namespace agena::stage0
