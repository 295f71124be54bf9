#include "stage0/cli/commands.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

#include "common/base/strings.h"
#include "stage0/cli/app_flags.h"
#include "stage0/cli/cli.h"
#include "stage0/cli/completion.h"
#include "stage0/cli/foreign_words.h"
#include "stage0/cli/help_groups.h"
#include "stage0/cli/pod_flags.h"
#include "tests/support/golden.h"
#include "tests/unit/stage0/cli/argv.h"

namespace agena::stage0 {
namespace {

using test_cli::Argv;

// The program as one of the personalities, with storage for its terms.
struct Program {
  explicit Program(std::string_view name) : spec(program_spec(personality_for(name), terms)) {}
  std::vector<HelpTerm> terms;
  ProgramSpec spec;
};

// Every option of every command, and the global ones.
std::vector<std::pair<std::string, const Option*>> all_options() {
  std::vector<std::pair<std::string, const Option*>> options;
  for (const CommandSpec* command : command_specs())
    for (const OptionList list : command->options)
      for (const Option* option : list) options.emplace_back(command->name, option);
  for (const Option* option : global_options()) options.emplace_back("(global)", option);
  return options;
}

// find_command() relies on it: an option before the command word is read without knowing the command.
TEST(CommandTable, EqualNamesHaveEqualArity) {
  std::map<std::string_view, OptionArity> arities;
  for (const auto& [command, option] : all_options()) {
    const auto [it, is_new] = arities.emplace(option->name, option->arity);
    EXPECT_EQ(it->second, option->arity) << command << " --" << option->name;
  }
}

TEST(CommandTable, NoCommandHasAnOptionTwice) {
  for (const CommandSpec* command : command_specs()) {
    std::set<std::string_view> names;
    for (const Option* option : global_options()) names.insert(option->name);
    for (const OptionList list : command->options)
      for (const Option* option : list)
        EXPECT_TRUE(names.insert(option->name).second) << command->name << " --" << option->name;
  }
}

TEST(CommandTable, EveryShownOptionExplainsItself) {
  for (const auto& [command, option] : all_options()) {
    if (option->hidden || !option->replaced_by.empty()) continue;
    EXPECT_FALSE(option->help.empty()) << command << " --" << option->name;
    EXPECT_FALSE(option->help.ends_with('.')) << command << " --" << option->name;
    EXPECT_EQ(option->value_name.empty(), option->arity == OptionArity::kSwitch)
        << command << " --" << option->name;
  }
}

TEST(CommandTable, CommandsOfGroupsComeBehindTheirGroup) {
  std::string_view last_group;
  for (const CommandRow& row : command_rows()) {
    const Cut words = cut(row.spec.name, ' ');
    if (row.run == nullptr) last_group = row.spec.name;
    if (words.found) {
      EXPECT_EQ(words.before, last_group) << row.spec.name;
    }
    EXPECT_FALSE(row.spec.summary.empty() || row.spec.summary.ends_with('.')) << row.spec.name;
  }
}

TEST(CommandTable, OnlyCommandsThatNeedRootAskForIt) {
  std::set<std::string_view> needing;
  for (const CommandSpec* command : command_specs())
    if ((command->needs & kNeedsRoot) != 0) needing.insert(command->name);
  EXPECT_EQ(needing, (std::set<std::string_view>{
                         "app add",      "app attach", "app exec",   "app rm",        "app sandbox",
                         "app start",    "app stop",   "app update", "attach",        "enter",
                         "export",       "gc",         "image diff", "image extract", "image import-rkt",
                         "image render", "prepare",    "rm",         "run",           "run-prepared",
                         "start"}));
}

TEST(CommandTable, EveryCommandHasAnExample) {
  for (const CommandSpec* command : command_specs()) {
    if (command->hidden) continue;
    EXPECT_TRUE(command->examples.starts_with("{program} ") || command->name == "completion")
        << command->name;
  }
}

TEST(HelpGroups, NameOptionsOnce) {
  std::set<std::string_view> known;
  for (const auto& [command, option] : all_options()) known.insert(option->name);
  std::set<std::string_view> named;
  for (const OptionGroup& group : kHelpGroups)
    for (const std::string_view name : group.names) {
      EXPECT_TRUE(known.contains(name)) << group.title << " --" << name;
      EXPECT_TRUE(named.insert(name).second) << group.title << " --" << name;
    }
}

// Advice that would never be given, since the word means something.
TEST(ForeignWords, AreForeign) {
  for (const ForeignWord& row : foreign_words()) {
    for (const std::string& place : split(row.commands, ',')) {
      if (!row.word.starts_with('-')) {
        EXPECT_TRUE(std::ranges::none_of(command_specs(), [&](const CommandSpec* command) {
          return command->name == row.word;
        })) << row.word;
        continue;
      }
      const auto command = std::ranges::find(command_specs(), std::string_view(place),
                                             [](const CommandSpec* spec) { return spec->name; });
      EXPECT_EQ(command == command_specs().end(), place.empty()) << "no command '" << place << "'";
      if (command == command_specs().end() || row.word.contains('=')) continue;
      for (const OptionList list : (*command)->options)
        for (const Option* option : list) {
          EXPECT_NE(row.word, "--" + std::string(option->name)) << place;
          EXPECT_NE(row.word, std::string("-") + option->short_name) << place;
        }
    }
  }
}

TEST(Help, Golden) {
  const Program program("agena");
  std::string text = program_help(program.spec);
  for (const CommandSpec* command : command_specs())
    text += fmt::format("\n==== {} ====\n\n{}", command->name, command_help(program.spec, *command));
  testing::expect_golden("cli/help.txt", text);
}

TEST(Help, SpeaksOfThePersonality) {
  const Program program("/usr/bin/rkt");
  std::string text = program_help(program.spec);
  EXPECT_TRUE(text.contains("\trkt - ")) << text;
  EXPECT_TRUE(text.contains("\t1.30.0\n")) << text;
  EXPECT_TRUE(text.contains("--dir=/var/lib/rkt")) << text;
  EXPECT_FALSE(text.contains("agena")) << text;
  for (const CommandSpec* command : command_specs()) text += command_help(program.spec, *command);
  EXPECT_FALSE(text.contains('{')) << "a placeholder that stands for nothing: " << text;
}

TEST(Completion, Golden) {
  for (const ShellRow& shell : completion_shells())
    testing::expect_golden(fmt::format("cli/completion.{}", shell.name), shell.script(Program("agena").spec));
}

// What bash offers for a line, sorted; the last word is the one being completed.
std::string offered(const std::string& line) {
  std::string script = bash_completion(Program("agena").spec);
  script += "compopt() { :; }\nCOMP_WORDS=(";
  // Readline splits words at '='.
  const auto words = split(line, ' ');
  std::size_t count = 0;
  for (const std::string& word : words) {
    const Cut parts = cut(word, '=');
    script += fmt::format("'{}' ", parts.before);
    ++count;
    if (!parts.found) continue;
    script += fmt::format("'=' {}", parts.after.empty() ? "" : fmt::format("'{}' ", parts.after));
    count += parts.after.empty() ? 1U : 2U;
  }
  script += fmt::format(
      ")\nCOMP_CWORD={}\n_agena\nprintf '%s\\n' \"${{COMPREPLY[@]}}\" | LC_ALL=C sort | tr '\\n' ' '\n",
      count - 1);
  const std::string path = ::testing::TempDir() + "/agena-completion-test.bash";
  std::FILE* file = std::fopen(path.c_str(), "w");
  std::fputs(script.c_str(), file);
  std::fclose(file);
  std::FILE* pipe = ::popen(("bash --norc " + path + " 2>&1").c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  ::pclose(pipe);
  std::remove(path.c_str());
  return std::string(trim(text));
}

TEST(Completion, OffersWhatBelongsThere) {
  EXPECT_EQ(offered("agena st"), "start status stop");
  EXPECT_EQ(offered("agena --debug im"), "image");
  EXPECT_EQ(offered("agena image "),
            "cat-manifest df diff export extract gc history import-rkt inspect list push render rm tag tags "
            "verify");
  EXPECT_EQ(offered("agena image list --f"), "--fields --format --full");
  EXPECT_EQ(offered("agena list --format="), "json json-pretty");
  EXPECT_EQ(offered("agena list --format=json-"), "json-pretty");
  EXPECT_EQ(offered("agena run --pull-policy n"), "never new");
  EXPECT_EQ(offered("agena run --mem"), "--memory");
  EXPECT_EQ(offered("agena run --deb"), "--debug");
  EXPECT_EQ(offered("agena list --mem"), "");
  EXPECT_EQ(offered("agena run x --store"), "") << "deprecated flags are not offered";
}

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome run_line(const std::string& line) {
  const Argv argv(line);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = run_cli(argv.views());
  return {code, ::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
}

TEST(Cli, NoCommandIsTwo) {
  const Outcome outcome = run_line("rkt");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "rkt: missing command\nrkt: hint: 'rkt help' lists them\n");
}

struct ErrorCase {
  const char* line;
  const char* err;
};

class CliError : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(CliError, IsToldOnceAndEndsWith254) {
  const Outcome outcome = run_line(GetParam().line);
  EXPECT_EQ(outcome.code, 254);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, GetParam().err);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, CliError,
    ::testing::Values(
        ErrorCase{"agena lst", "agena: unknown command 'lst'\nagena: hint: did you mean 'list'?\n"},
        ErrorCase{"agena app lst",
                  "agena: unknown command 'app lst'\nagena: hint: did you mean 'app list'?\n"},
        ErrorCase{"agena st", "agena: command 'st' is ambiguous, it may be: start, status, stop\n"},
        ErrorCase{"agena --dubug list",
                  "agena: unknown flag '--dubug'\nagena: hint: did you mean '--debug'?\n"},
        ErrorCase{"agena list --ful", "list: unknown flag '--ful'\nlist: hint: did you mean '--full'?\n"},
        // A flag of another command is known before the word, and refused behind it.
        ErrorCase{
            "agena --mark-only list",
            "list: unknown flag '--mark-only'\nlist: hint: --mark-only is a flag of 'gc', not of 'list'\n"},
        ErrorCase{"agena list x", "list: too many arguments\nlist: hint: usage: agena list\n"},
        ErrorCase{"agena image rm", "rm: missing argument\nrm: hint: usage: agena image rm IMAGE…\n"},
        ErrorCase{"agena image nope",
                  "agena: unknown command 'image nope'\nagena: hint: 'agena image' lists its commands\n"},
        ErrorCase{"rkt completion csh", "completion: unknown shell 'csh', there are: bash, fish, zsh\n"},
        ErrorCase{"agena help nope",
                  "help: unknown command 'nope'\nhelp: hint: 'agena help' lists the commands\n"},
        ErrorCase{"agena help list more", "help: unknown help topic 'more'\n"},
        ErrorCase{"agena status", "status: must provide a pod's UUID or --uuid-file\n"},
        ErrorCase{"agena status a b", "status: unexpected argument 'b'\n"},
        ErrorCase{"agena rm --uuid-file=f a", "rm: --uuid-file and arguments exclude each other\n"},
        ErrorCase{"agena status --wait=soon x",
                  "status: --wait: 'soon' is not a duration (try 10s, 5m or 1h30m)\n"},
        ErrorCase{"agena status --wait --wait-ready x",
                  "status: --wait and --wait-ready exclude each other\n"},
        ErrorCase{"agena image list --fields=id,colour",
                  "list: --fields: unknown column 'colour' (there are: id, name, size, importtime, "
                  "lastused, names, format, digest, unique, shared, layers)\n"},
        ErrorCase{"agena list --format=jsno",
                  "list: --format: 'jsno' is none of: json, json-pretty\n"
                  "list: hint: did you mean 'json'?\n"},
        ErrorCase{"agena list --format=yaml",
                  "list: unknown value in '--format=yaml'\n"
                  "list: hint: --format=json-pretty is the most readable there is\n"},
        // Words of other programs.
        ErrorCase{"rkt ps", "rkt: unknown command 'ps'\nrkt: hint: 'rkt list' lists pods\n"},
        ErrorCase{"agena inspec",
                  "agena: unknown command 'inspec'\nagena: hint: 'agena help' lists the commands\n"},
        ErrorCase{"agena df-images",
                  "agena: unknown command 'df-images'\nagena: hint: 'agena help' lists the commands\n"},
        ErrorCase{"agena render",
                  "agena: unknown command 'render'\nagena: hint: did you mean 'image render'?\n"},
        ErrorCase{"agena run -p80:80 x",
                  "run: unknown flag '-p80:80'\nrun: hint: --port=80-tcp:8080 forwards port 8080 of the host "
                  "to port 80 of the pod\n"},
        ErrorCase{"agena run -net=none x",
                  "run: unknown flag '-net=none'\nrun: hint: did you mean '--net'?\n"},
        ErrorCase{"agena run --environ=A x",
                  "run: unknown flag '--environ'\nrun: hint: did you mean '--environment'?\n"},
        ErrorCase{"agena stop -x x",
                  "stop: unknown flag '-x'\nstop: hint: 'agena help stop' lists its flags\n"},
        ErrorCase{"agena run --name=x y",
                  "run: --name must follow an image\nrun: hint: IMAGE --name=NAME names an app, "
                  "--pod-name=NAME the pod\n"},
        ErrorCase{"agena run --exec=x y",
                  "run: --exec must follow an image\nrun: hint: IMAGE --exec=PATH\n"}));

TEST(Cli, DebugShowsTheTree) {
  const Outcome outcome = run_line("agena --debug run --net=host,x y");
  EXPECT_EQ(outcome.code, 254);
  EXPECT_TRUE(outcome.err.starts_with("run: --net\n  └─network 'host' cannot be combined with others\n"))
      << outcome.err;
  EXPECT_TRUE(outcome.err.contains("\n    └─at ")) << outcome.err;
}

TEST(Cli, UuidFileThatCannotBeReadIsOne) {
  for (const char* command : {"status", "stop"}) {
    const Outcome outcome = run_line(fmt::format("agena {} --uuid-file=/nonexistent/file", command));
    EXPECT_EQ(outcome.code, 1);
    EXPECT_TRUE(outcome.err.starts_with(fmt::format("{}: reading the UUID file: ", command))) << outcome.err;
  }
}

TEST(Cli, FailuresOfAppCommandsAreOne) {
  const Outcome failed = run_line("agena app sandbox --net=nosuch,none");
  EXPECT_EQ(failed.code, 1);
  EXPECT_EQ(failed.err, "sandbox: --net: network 'none' cannot be combined with others\n");
  EXPECT_EQ(run_line("agena app sandbox --nosuch").code, 254) << "usage errors are the same everywhere";
}

TEST(Cli, HelpGoesToStdout) {
  for (const char* line : {"agena --help", "agena -h", "agena help"}) {
    const Outcome outcome = run_line(line);
    EXPECT_EQ(outcome.code, 0) << line;
    EXPECT_TRUE(outcome.out.starts_with("NAME:\n\tagena - ")) << line;
    EXPECT_EQ(outcome.err, "") << line;
  }
  for (const char* line : {"agena -h run", "agena run --help", "agena help run", "agena run x --user=1 -h"})
    EXPECT_TRUE(run_line(line).out.starts_with("NAME:\n\tagena run - ")) << line;
  EXPECT_TRUE(run_line("agena image").out.starts_with("NAME:\n\tagena image - "));
  EXPECT_TRUE(run_line("agena help im li").out.starts_with("NAME:\n\tagena image list - "));
}

TEST(Cli, VersionUnderBothNames) {
  EXPECT_TRUE(run_line("/usr/bin/agena version").out.starts_with("agena Version: "));
  const std::string text = run_line("/usr/bin/rkt ver").out;
  const auto lines = split(text, '\n');
  ASSERT_EQ(lines.size(), 7U) << text;
  EXPECT_EQ(lines[0], "rkt Version: 1.30.0");
  EXPECT_EQ(lines[1], "appc Version: 0.8.11");
  EXPECT_TRUE(lines[2].starts_with("Go Version: "));
  EXPECT_TRUE(lines[3].starts_with("Go OS/Arch: linux/"));
  EXPECT_TRUE(lines[4].starts_with("Features: "));
  EXPECT_EQ(lines[5], fmt::format("agena Version: {}", own_version()));
}

}  // namespace
}  // namespace agena::stage0
