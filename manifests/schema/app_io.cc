#include "manifests/schema/app_io.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "manifests/schema/annotations.h"
#include "manifests/schema/quantity.h"

namespace agena::schema {
namespace {

template <class Mode>
struct ModeRow {
  std::string_view name;
  Mode value;
};
constexpr std::array kInputModes = {
    ModeRow<InputMode>{"null", InputMode::kNull},
    ModeRow<InputMode>{"stream", InputMode::kStream},
    ModeRow<InputMode>{"tty", InputMode::kTty},
};
constexpr std::array kOutputModes = {
    ModeRow<OutputMode>{"log", OutputMode::kLog},
    ModeRow<OutputMode>{"null", OutputMode::kNull},
    ModeRow<OutputMode>{"stream", OutputMode::kStream},
    ModeRow<OutputMode>{"tty", OutputMode::kTty},
};
static_assert(sorted_by_name(kInputModes) && sorted_by_name(kOutputModes));

template <class Mode, class Table>
Result<Mode> parse_mode(const Table& table, std::string_view text) {
  if (const auto* row = find_by_name(table, text)) return row->value;
  std::string known;
  for (const auto& row : table) known += (known.empty() ? "" : ", ") + std::string(row.name);
  return fail(ErrorKind::kInvalidInput, "unknown mode '{}' (one of {})", printable(text), known);
}

// "file" and "journal", by commas, or "none". Podman's names are understood too.
struct DriverRow {
  std::string_view name;
  void (*use)(AppIo& io);
};
constexpr std::array kDrivers = {
    DriverRow{"file", [](AppIo& io) { io.log_file = true; }},
    DriverRow{"journal", [](AppIo& io) { io.journal = AppIo::Journal::kAlways; }},
    DriverRow{"journald", [](AppIo& io) { io.journal = AppIo::Journal::kAlways; }},
    DriverRow{"k8s-file", [](AppIo& io) { io.log_file = true; }},
};
static_assert(sorted_by_name(kDrivers));

Result<> set_drivers(AppIo& io, std::string_view text) {
  io.log_file = false;
  io.journal = AppIo::Journal::kNever;
  if (text == "none") return {};
  for (const std::string& name : split(text, ',')) {
    const DriverRow* row = find_by_name(kDrivers, name);
    if (row == nullptr)
      return fail(ErrorKind::kInvalidInput, "unknown log driver '{}' (file, journal or none)",
                  printable(name));
    row->use(io);
  }
  return {};
}

// A smaller file would be rotated by every line.
constexpr std::int64_t kLeastLogSize = 4096;
constexpr std::int64_t kMostLogFiles = 1000;

Result<> set_max_size(AppIo& io, std::string_view text) {
  const std::int64_t size = TRY(Quantity::parse(text)).value();
  if (size < kLeastLogSize)
    return fail(ErrorKind::kInvalidInput, "'{}' is less than {} bytes", printable(text), kLeastLogSize);
  io.log_max_size = static_cast<std::uint64_t>(size);
  return {};
}

Result<> set_max_files(AppIo& io, std::string_view text) {
  io.log_max_files = static_cast<int>(TRY(parse_int(text, 1, kMostLogFiles)));
  return {};
}

struct SettingRow {
  const char* name;
  Result<> (*set)(AppIo& io, std::string_view text);
};
constexpr std::array kSettings = {
    SettingRow{annotation::kStdin,
               [](AppIo& io, std::string_view text) -> Result<> {
                 io.input = TRY(parse_input_mode(text));
                 return {};
               }},
    SettingRow{annotation::kStdout,
               [](AppIo& io, std::string_view text) -> Result<> {
                 io.output = TRY(parse_output_mode(text));
                 return {};
               }},
    SettingRow{annotation::kStderr,
               [](AppIo& io, std::string_view text) -> Result<> {
                 io.error = TRY(parse_output_mode(text));
                 return {};
               }},
    SettingRow{annotation::kLogDriver, set_drivers},
    SettingRow{annotation::kLogMaxSize, set_max_size},
    SettingRow{annotation::kLogMaxFiles, set_max_files},
};

}  // namespace

Result<InputMode> parse_input_mode(std::string_view text) { return parse_mode<InputMode>(kInputModes, text); }
Result<OutputMode> parse_output_mode(std::string_view text) {
  return parse_mode<OutputMode>(kOutputModes, text);
}

Result<AppIo> read_app_io(const Annotations& annotations) {
  AppIo io;
  for (const SettingRow& row : kSettings)
    if (const std::string* value = annotations.find(row.name))
      TRY_CTX(row.set(io, *value), "annotation {}", row.name);
  return io;
}

bool is_runner_annotation(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {annotation::kLogDriver, annotation::kLogMaxSize,
                                                      annotation::kLogMaxFiles,
                                                      annotation::kKubernetesLogPath};
  return std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace agena::schema
