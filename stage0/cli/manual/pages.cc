#include "stage0/cli/manual/pages.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/manual/roff.h"
#include "stage0/cli/manual/see_also.h"

namespace agena::stage0 {
namespace {

using roff::bold;
using roff::italic;

// A file or variable and what it is.
struct Fact {
  std::string_view name;
  std::string_view text;
};

constexpr std::array kFiles = {
    Fact{"{data-dir}", "images and pods: agena-on-disk-format(5)"},
    Fact{"{local-config}, {system-config}", "configuration: agena-configuration(5)"},
    Fact{"{local-config}/net.d", "networks: agena-networking(7)"},
    Fact{"{local-config}/pods.d/NAME.json",
         "the pod that the unit {program}@NAME.service runs: agena-under-systemd(7)"},
};
constexpr std::array kEnvironment = {
    Fact{"AGENA_HTTP_TIMEOUT",
         "seconds after which a server that does not answer, or sends nothing, is given up"},
    Fact{"AGENA_HTTP_RETRIES", "how often a request, or a download that makes no progress, is tried again"},
    Fact{"SSL_CERT_FILE", "certificates to trust beside the system's"},
    Fact{"http_proxy, https_proxy, no_proxy", "proxies, as curl takes them"},
    Fact{"NOTIFY_SOCKET, LISTEN_FDS, LISTEN_FDNAMES, WATCHDOG_USEC",
         "what a service manager passes: agena-under-systemd(7)"},
};
constexpr std::string_view kFurther =
    "agena-configuration(5), agena-on-disk-format(5), agena-app-filesystem(7), agena-metadata-service(7), "
    "agena-networking(7), agena-pod-lifecycle(7), agena-security(7), agena-stage1-contract(7), "
    "agena-under-systemd(7), "
    "agena-user-namespaces(7)";

// "agena-image-list"
std::string page_name(const ProgramSpec& program, std::string_view command) {
  std::string name = fmt::format("{}{}{}", program.name, command.empty() ? "" : "-", command);
  std::ranges::replace(name, ' ', '-');
  return name;
}

// References to pages, "name(1), name(5)", with the names in bold.
std::string references(std::string_view list) {
  std::vector<std::string> parts;
  for (const std::string& one : split(list, ',')) {
    const Cut page = cut(trim(one), '(');
    parts.push_back(bold(page.before) + "(" + roff::text(page.after));
  }
  return join(parts, ", ");
}

std::string option_tag(const Option& option) {
  std::string tag = option.short_name == '\0' ? "" : bold(fmt::format("-{}", option.short_name)) + ", ";
  tag += bold(fmt::format("--{}", option.name));
  if (option.arity == OptionArity::kSwitch) return tag;
  const std::string value = "=" + italic(option.value_name);
  return tag + (option.arity == OptionArity::kOptionalValue ? "[" + value + "]" : value);
}

class CommandPages {
 public:
  explicit CommandPages(const ProgramSpec& program)
      : program_(program), source_(fmt::format("{} {}", program.name, program.version)) {}

  ManualPage of_program() {
    roff::Page page = begin("", program_.summary);
    page.section("SYNOPSIS");
    page.paragraph(fmt::format("{} [{}] {} [{}]", bold(program_.name), italic("GLOBAL OPTIONS"),
                               italic("COMMAND"), roff::text("…")));
    page.section("DESCRIPTION");
    page.paragraphs(plain(program_.description));
    commands(page, "");
    page.section("GLOBAL OPTIONS");
    items(page, visible_options(std::array{program_.global_options}));
    facts(page, "FILES", kFiles);
    facts(page, "ENVIRONMENT", kEnvironment);
    page.section("EXIT STATUS");
    page.item("0", "Success.");
    page.item("2", "No command is given.");
    page.item("254",
              "Any failure of the engine itself, and usage errors. Commands that end otherwise say so on "
              "their pages.");
    page.section("SEE ALSO");
    page.paragraph(references(kFurther));
    return {page_name(program_, "") + ".1", page.take()};
  }

  ManualPage of_command(const CommandSpec& command) {
    roff::Page page = begin(command.name, command.summary);
    const bool is_group = !visible_commands(program_, command.name).empty();
    page.section("SYNOPSIS");
    const std::string_view usage = is_group ? std::string_view("COMMAND") : command.usage;
    page.paragraph(bold(fmt::format("{} {}", program_.name, command.name)) + (usage.empty() ? "" : " ") +
                   roff::synopsis(usage));
    page.section("DESCRIPTION");
    page.paragraphs(plain(std::string(command.summary) + "."));
    if (!command.description.empty()) page.paragraphs(plain(command.description));
    commands(page, command.name);
    options(page, command);
    if (!is_group)
      page.paragraph(roff::text("Global options are in ") + references(page_name(program_, "") + "(1)") +
                     ".");
    examples(page, command.examples);
    if (!is_group) exit_status(page, command);
    references_of(page, command.name);
    return {page_name(program_, command.name) + ".1", page.take()};
  }

 private:
  std::string plain(std::string_view text) const { return expand_terms(text, program_.terms); }

  roff::Page begin(std::string_view command, std::string_view summary) const {
    const std::string name = page_name(program_, command);
    roff::Page page(name, 1, source_, "User Commands");
    page.section("NAME");
    page.paragraph(roff::text(name) + " \\- " + roff::text(plain(summary)));
    return page;
  }

  void commands(roff::Page& page, std::string_view group) const {
    const auto members = visible_commands(program_, group);
    if (members.empty()) return;
    page.section("COMMANDS");
    for (const CommandSpec* member : members)
      page.item(references(page_name(program_, member->name) + "(1)"),
                roff::text(plain(member->summary)) + ".");
  }

  void items(roff::Page& page, std::span<const Option* const> options) const {
    for (const Option* option : options) {
      std::string text = std::string(option->help) + (option->repeatable ? " (may be repeated)." : ".");
      if (!option->initial.empty()) text += fmt::format(" Default: {}.", option->initial);
      page.item(option_tag(*option), roff::text(plain(text)));
    }
  }

  // Group by group, as help has them.
  void options(roff::Page& page, const CommandSpec& command) const {
    const auto groups = grouped_options(program_, command);
    if (groups.empty()) return;
    page.section("OPTIONS");
    for (const ShownOptions& group : groups) {
      if (group.title != "OPTIONS") page.subsection(group.title);
      items(page, group.options);
    }
  }

  template <class Facts>
  void facts(roff::Page& page, std::string_view title, const Facts& rows) const {
    page.section(title);
    for (const Fact& fact : rows) page.item(italic(plain(fact.name)), roff::text(plain(fact.text)) + ".");
  }

  void examples(roff::Page& page, std::string_view lines) const {
    if (lines.empty()) return;
    page.section("EXAMPLES");
    page.example(plain(lines));
  }

  // Codes that a command ends with besides 0 and that of any failure.
  static void exit_status(roff::Page& page, const CommandSpec& command) {
    page.section("EXIT STATUS");
    const auto rows = command_rows();
    const auto row =
        std::ranges::find(rows, command.name, [](const CommandRow& one) { return one.spec.name; });
    const bool runs_pod = command.name == "run" || command.name == "run-prepared" || command.name == "start";
    if (runs_pod) {
      page.paragraph("That of the pod, which is that of its first app that failed, or 0.");
      page.item(std::to_string(contract::kExitTimeout), "The pod's time was over.");
    } else {
      page.item("0", "Success.");
    }
    if (command.name == "status" || command.name == "stop")
      page.item(std::to_string(contract::kExitUuidFile),
                roff::text("The file named by --uuid-file cannot be read."));
    if (row->failure != contract::kExitFailure) {
      page.item(std::to_string(row->failure), "Failure.");
      page.item(std::to_string(contract::kExitFailure), "Usage error.");
    } else {
      page.item(std::to_string(contract::kExitFailure), "Failure, or usage error.");
    }
  }

  void references_of(roff::Page& page, std::string_view command) const {
    page.section("SEE ALSO");
    std::string list = page_name(program_, "") + "(1)";
    const std::size_t space = command.rfind(' ');
    if (space != std::string_view::npos) list += ", " + page_name(program_, command.substr(0, space)) + "(1)";
    if (const std::string_view pages = see_also(command); !pages.empty()) list += ", " + plain(pages);
    page.paragraph(references(list));
  }

  const ProgramSpec& program_;
  std::string source_;
};

}  // namespace

std::vector<ManualPage> manual_pages(const ProgramSpec& program) {
  CommandPages maker(program);
  std::vector<ManualPage> pages = {maker.of_program()};
  for (const CommandSpec* command : visible_commands(program, "")) {
    pages.push_back(maker.of_command(*command));
    for (const CommandSpec* member : visible_commands(program, command->name))
      pages.push_back(maker.of_command(*member));
  }
  return pages;
}

}  // namespace agena::stage0
