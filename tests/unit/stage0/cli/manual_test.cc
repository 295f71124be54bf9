#include <gtest/gtest.h>

#include <set>

#include "common/base/strings.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/manual/pages.h"
#include "stage0/cli/manual/roff.h"
#include "stage0/cli/manual/see_also.h"
#include "tests/support/golden.h"

namespace agena::stage0 {
namespace {

// The program as one of the personalities, with storage for its terms.
struct Program {
  explicit Program(std::string_view name) : spec(program_spec(personality_for(name), terms)) {}
  std::vector<HelpTerm> terms;
  ProgramSpec spec;
};

std::string page(const std::vector<ManualPage>& pages, std::string_view file) {
  for (const ManualPage& one : pages)
    if (one.file == file) return one.text;
  return fmt::format("no page '{}'", file);
}

// Commands that help shows, groups among them.
std::vector<const CommandSpec*> shown_commands(const ProgramSpec& program) {
  std::vector<const CommandSpec*> all;
  for (const CommandSpec* command : visible_commands(program, "")) {
    all.push_back(command);
    for (const CommandSpec* member : visible_commands(program, command->name)) all.push_back(member);
  }
  return all;
}

TEST(Manual, Golden) {
  const Program program("agena");
  const auto pages = manual_pages(program.spec);
  testing::expect_golden("cli/agena.1", page(pages, "agena.1"));
  testing::expect_golden("cli/agena-app.1", page(pages, "agena-app.1"));
  testing::expect_golden("cli/agena-image-list.1", page(pages, "agena-image-list.1"));
  testing::expect_golden("cli/agena-stop.1", page(pages, "agena-stop.1"));
}

TEST(Manual, EveryCommandHasAPageWithItsOptions) {
  const Program program("agena");
  const auto pages = manual_pages(program.spec);
  const auto commands = shown_commands(program.spec);
  EXPECT_EQ(pages.size(), commands.size() + 1);
  for (const CommandSpec* command : commands) {
    std::string file = fmt::format("agena-{}.1", command->name);
    std::ranges::replace(file, ' ', '-');
    const std::string text = page(pages, file);
    std::size_t tags = 0;
    for (const Option* option : visible_options(command->options)) {
      const std::string tag = roff::bold(fmt::format("--{}", option->name));
      EXPECT_TRUE(text.contains("\n" + tag) || text.contains(", " + tag)) << file << " --" << option->name;
      ++tags;
    }
    // No others: options are the only tags that begin with a dash.
    std::size_t found = 0;
    for (const std::string& line : split(text, '\n')) found += line.starts_with("\\fB\\-") ? 1U : 0U;
    EXPECT_EQ(found, tags) << file;
  }
}

TEST(Manual, SpeaksOfThePersonality) {
  const Program program("rkt");
  const auto pages = manual_pages(program.spec);
  const std::string text = page(pages, "rkt-run.1");
  EXPECT_TRUE(text.contains(".TH RKT-RUN 1 \"\" \"rkt 1.30.0\"")) << text;
  EXPECT_TRUE(text.contains("\\fBrkt\\-fetch\\fR(1)")) << text;
  for (const ManualPage& one : pages) EXPECT_FALSE(one.text.contains('{')) << one.file << ": " << one.text;
}

// Of the table's examples, which help shows too.
TEST(Manual, ExamplesAreCommandLines) {
  const Program program("agena");
  std::size_t checked = 0;
  for (const CommandSpec* owner : program.spec.commands) {
    for (const std::string& line : split(expand_terms(owner->examples, program.spec.terms), '\n')) {
      if (!line.starts_with("agena ")) continue;
      const auto words = split(line.substr(line.find(' ') + 1), ' ');
      const std::vector<std::string_view> args(words.begin(), words.end());
      const auto found = find_command(args, program.spec.commands, program.spec.global_options);
      ASSERT_TRUE(found.has_value()) << line;
      ASSERT_LT(found->index, program.spec.commands.size()) << line;
      const CommandSpec& command = *program.spec.commands[found->index];
      ArgScanner scanner(found->args, command.options);
      while (!scanner.done() && scanner.peek() != "--") {
        // "---" ends the arguments of an app.
        if (!scanner.at_option() || scanner.peek() == "---" || command.order == ArgOrder::kOptionsFirst)
          (void)scanner.take();
        else
          ASSERT_TRUE(scanner.take_option().has_value()) << line;
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 50U);
}

TEST(Manual, RefersToPagesThatThereAre) {
  const Program program("agena");
  std::set<std::string> known = {"bash(1)", "zsh(1)", "fish(1)", "gpg(1)"};
  for (const ManualPage& one : manual_pages(program.spec)) {
    const std::string_view stem = std::string_view(one.file).substr(0, one.file.size() - 2);
    known.insert(fmt::format("{}(1)", stem));
  }
  const auto commands = shown_commands(program.spec);
  for (const SeeAlsoRow& row : see_also()) {
    EXPECT_TRUE(std::ranges::any_of(commands, [&](const CommandSpec* one) { return one->name == row.name; }))
        << row.name;
    for (const std::string& reference : split(row.pages, ',')) {
      const std::string name = expand_terms(trim(reference), program.spec.terms);
      // Sections 5 and 7 are made of the documentation: the functional test looks for them.
      EXPECT_TRUE(known.contains(name) || !name.ends_with("(1)")) << row.name << ": " << name;
    }
  }
}

TEST(Roff, Escapes) {
  EXPECT_EQ(roff::text("--a 'b' \\ ~^`\""), "\\-\\-a \\(aqb\\(aq \\e \\(ti\\(ha\\(ga\\(dq");
  EXPECT_EQ(roff::synopsis("[--app=APP] UUID… | x"), "[\\-\\-app=\\fIAPP\\fR] \\fIUUID\\fR… | x");
}

TEST(Roff, LinesDoNotBecomeRequests) {
  roff::Page page("x", 1, "x 1", "X");
  page.section("NAME");
  page.paragraphs(".hidden\n.second");
  page.item("tag", roff::text(".config"));
  page.example(".profile");
  for (const std::string& line : split(page.take(), '\n'))
    if (line.starts_with('.')) {
      EXPECT_TRUE(line[1] >= 'A' || line.starts_with(".ad") || line.starts_with(".nr") ||
                  line.starts_with(".in"))
          << line;
    }
}

}  // namespace
}  // namespace agena::stage0
