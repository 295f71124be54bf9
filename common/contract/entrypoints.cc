#include "common/contract/entrypoints.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"

namespace agena::contract {
namespace {

using enum OptionArity;

// Order as in the published contract: some third-party stage1s read argv by position.
constexpr std::array kRunOptions = {
    EntrypointOption{"debug", kFlag, 1, false},
    EntrypointOption{"net", kValue, 1, false},
    EntrypointOption{"interactive", kFlag, 1, false},
    EntrypointOption{"private-users", kValue, 1, false},
    EntrypointOption{"mds-token", kValue, 1, false},
    EntrypointOption{"local-config", kValue, 1, false},
    EntrypointOption{"hostname", kValue, 2, true},
    EntrypointOption{"dns-conf-mode", kValue, 4, true},
    EntrypointOption{"disable-capabilities-restriction", kFlag, 3, false},
    EntrypointOption{"disable-paths", kFlag, 3, false},
    EntrypointOption{"disable-seccomp", kFlag, 3, false},
    EntrypointOption{"mutable", kFlag, 5, true},
    EntrypointOption{"ipc", kValue, 6, true},
    EntrypointOption{"disable-limits", kFlag, 7, false},
    EntrypointOption{"disable-lsm", kFlag, 7, false},
    EntrypointOption{"machine-name", kValue, 7, false},
    EntrypointOption{"timeout", kValue, 7, true},
    EntrypointOption{"mds-port", kValue, 9, true},
    EntrypointOption{"trace-fd", kValue, 10, false},
};
constexpr std::array kEnterOptions = {
    EntrypointOption{"pid", kValue, 1, false},
    EntrypointOption{"appname", kValue, 1, false},
};
constexpr std::array kGcOptions = {
    EntrypointOption{"debug", kFlag, 1, false},
    EntrypointOption{"local-config", kValue, 5, false},
};
constexpr std::array kStopOptions = {EntrypointOption{"force", kFlag, 1, false}};
constexpr std::array kAppAddOptions = {
    EntrypointOption{"debug", kBool, 5, false},
    EntrypointOption{"uuid", kValue, 5, false},
    EntrypointOption{"app", kValue, 5, false},
    EntrypointOption{"manifest", kValue, 8, false},
};
constexpr std::array kAppStopOptions = {
    EntrypointOption{"debug", kBool, 5, false},
    EntrypointOption{"app", kValue, 5, false},
    EntrypointOption{"time", kValue, 8, true},
};
constexpr std::array kAppUpdateOptions = {
    EntrypointOption{"debug", kBool, 8, false},
    EntrypointOption{"app", kValue, 8, false},
    EntrypointOption{"manifest", kValue, 8, false},
};
constexpr std::array kAppOptions = {
    EntrypointOption{"debug", kBool, 5, false},
    EntrypointOption{"app", kValue, 5, false},
};
constexpr std::array kAttachOptions = {
    EntrypointOption{"action", kValue, 5, false}, EntrypointOption{"app", kValue, 5, false},
    EntrypointOption{"debug", kBool, 5, false},   EntrypointOption{"tty-in", kBool, 5, false},
    EntrypointOption{"tty-out", kBool, 5, false}, EntrypointOption{"stdin", kBool, 5, false},
    EntrypointOption{"stdout", kBool, 5, false},  EntrypointOption{"stderr", kBool, 5, false},
};

constexpr std::array kEntrypoints = {
    EntrypointRow{Entrypoint::kRun, "run", "coreos.com/rkt/stage1/run", 1, true, kRunOptions, "UUID", 1, 1},
    EntrypointRow{Entrypoint::kEnter, "enter", "coreos.com/rkt/stage1/enter", 1, true, kEnterOptions,
                  "COMMAND [ARG...]", 1, -1},
    EntrypointRow{Entrypoint::kGc, "gc", "coreos.com/rkt/stage1/gc", 1, true, kGcOptions, "UUID", 1, 1},
    EntrypointRow{Entrypoint::kStop, "stop", "coreos.com/rkt/stage1/stop", 1, false, kStopOptions, "UUID", 1,
                  1},
    EntrypointRow{Entrypoint::kAppAdd, "app-add", "coreos.com/rkt/stage1/app/add", 5, false, kAppAddOptions,
                  "", 0, 0},
    EntrypointRow{Entrypoint::kAppStart, "app-start", "coreos.com/rkt/stage1/app/start", 5, false,
                  kAppOptions, "", 0, 0},
    EntrypointRow{Entrypoint::kAppStop, "app-stop", "coreos.com/rkt/stage1/app/stop", 5, false,
                  kAppStopOptions, "", 0, 0},
    EntrypointRow{Entrypoint::kAppRm, "app-rm", "coreos.com/rkt/stage1/app/rm", 5, false, kAppOptions, "", 0,
                  0},
    EntrypointRow{Entrypoint::kAppUpdate, "app-update", "coreos.com/rkt/stage1/app/update", 8, false,
                  kAppUpdateOptions, "", 0, 0},
    EntrypointRow{Entrypoint::kAttach, "attach", "coreos.com/rkt/stage1/attach", 5, false, kAttachOptions, "",
                  0, 0},
};

const EntrypointOption* find_option(const EntrypointRow& row, std::string_view name) {
  const auto it = std::ranges::find(row.options, name, &EntrypointOption::name);
  return it == row.options.end() ? nullptr : &*it;
}

}  // namespace

std::span<const EntrypointRow> entrypoint_table() { return kEntrypoints; }

const EntrypointRow& entrypoint_row(Entrypoint entrypoint) {
  return kEntrypoints.at(static_cast<std::size_t>(entrypoint));
}

const EntrypointRow* find_entrypoint(std::string_view name) {
  const auto it = std::ranges::find(kEntrypoints, name, &EntrypointRow::name);
  return it == kEntrypoints.end() ? nullptr : &*it;
}

bool EntrypointCall::flag(std::string_view name) const { return value(name, "false") == "true"; }

std::string EntrypointCall::value(std::string_view name, std::string_view fallback) const {
  const auto it = options.find(name);
  return it == options.end() ? std::string(fallback) : it->second;
}

Result<RenderedCall> render_call(Entrypoint entrypoint, const EntrypointCall& call, int interface_version) {
  const EntrypointRow& row = entrypoint_row(entrypoint);
  for (const auto& [name, value] : call.options)
    if (find_option(row, name) == nullptr)
      return fail(ErrorKind::kInternal, "entrypoint '{}' has no option '{}'", row.name, name);
  RenderedCall rendered;
  for (const EntrypointOption& option : row.options) {
    const auto it = call.options.find(option.name);
    if (it == call.options.end() || (option.arity == kFlag && it->second != "true")) continue;
    if (option.since > interface_version) {
      if (option.warn_if_dropped)
        rendered.warnings.push_back(
            fmt::format("warning: --{} option is not supported by stage1", option.name));
      continue;
    }
    rendered.argv.push_back(option.arity == kFlag ? fmt::format("--{}", option.name)
                                                  : fmt::format("--{}={}", option.name, it->second));
  }
  // Only enter takes a foreign command line, which may look like options.
  if (row.max_operands < 0) rendered.argv.emplace_back("--");
  rendered.argv.insert(rendered.argv.end(), call.operands.begin(), call.operands.end());
  return rendered;
}

namespace {

// One "--name" or "--name=value" argument into the call.
Result<> parse_option(const EntrypointRow& row, std::string_view text, EntrypointCall& call) {
  const Cut parts = cut(text.substr(2), '=');
  const EntrypointOption* option = find_option(row, parts.before);
  if (option == nullptr)
    return fail(ErrorKind::kInvalidInput, "{}: unknown option '{}'", row.name, printable(text));
  if (option->arity == kValue && !parts.found)
    return fail(ErrorKind::kInvalidInput, "{}: option '--{}' needs a value", row.name, option->name);
  const std::string value = parts.found ? std::string(parts.after) : "true";
  if (option->arity != kValue && value != "true" && value != "false")
    return fail(ErrorKind::kInvalidInput, "{}: option '--{}' is true or false, not '{}'", row.name,
                option->name, printable(value));
  call.options.insert_or_assign(std::string(option->name), value);
  return {};
}

}  // namespace

Result<EntrypointCall> parse_call(Entrypoint entrypoint, const std::vector<std::string>& args) {
  const EntrypointRow& row = entrypoint_row(entrypoint);
  EntrypointCall call;
  auto it = args.begin();
  for (; it != args.end() && it->starts_with("--"); ++it) {
    if (*it == "--") {
      ++it;
      break;
    }
    TRY(parse_option(row, *it, call));
  }
  call.operands.assign(it, args.end());
  const auto count = static_cast<int>(call.operands.size());
  if (count < row.min_operands || (row.max_operands >= 0 && count > row.max_operands))
    return fail(ErrorKind::kInvalidInput, "{}: expected {}, got {} arguments", row.name,
                row.operands.empty() ? "no arguments" : row.operands, count);
  return call;
}

}  // namespace agena::contract
