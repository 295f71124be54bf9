// stage1-fly: one program under several names, one per entrypoint of the stage1 contract.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/entrypoints.h"
#include "common/contract/exit_codes.h"
#include "common/sys/fd.h"
#include "stage1-fly/enter/enter.h"
#include "stage1-fly/gc/gc.h"
#include "stage1-fly/run/run.h"
#include "stage1-fly/stop/stop.h"

namespace agena::fly {
namespace {

struct EntryRow {
  contract::Entrypoint value;
  Result<int> (*run)(const contract::EntrypointCall& call);
};
constexpr std::array kEntries = {
    EntryRow{contract::Entrypoint::kRun, run},
    EntryRow{contract::Entrypoint::kEnter, enter},
    EntryRow{contract::Entrypoint::kGc, collect_garbage},
    EntryRow{contract::Entrypoint::kStop, stop},
};

Result<int> dispatch(const std::string& name, const std::vector<std::string>& args) {
  const contract::EntrypointRow* row = contract::find_entrypoint(name);
  if (row == nullptr) return fail(ErrorKind::kInvalidInput, "no entrypoint is called '{}'", printable(name));
  TRY(sys::fill_standard_streams());
  for (const EntryRow& entry : kEntries) {
    if (entry.value != row->value) continue;
    const contract::EntrypointCall call = TRY(contract::parse_call(entry.value, args));
    if (call.flag("debug")) log::init("stage1-fly", log::Level::kDebug);
    return entry.run(call);
  }
  return fail(ErrorKind::kUnsupported, "stage1-fly has no entrypoint '{}'", name);
}

int run_program(int argc, char** argv) {
  log::init("stage1-fly", log::Level::kInfo);
  std::vector<std::string> args(argv, argv + argc);
  const std::string path = args.empty() ? "" : args.front();
  std::string name = path.substr(path.rfind('/') + 1);
  args.erase(args.begin(), args.begin() + (args.empty() ? 0 : 1));
  // Under its own name the program takes the entrypoint as its first argument.
  if (name == "stage1-fly" && !args.empty()) {
    name = args.front();
    args.erase(args.begin());
  }
  const auto code = dispatch(name, args);
  if (code) return *code;
  log::error(code.error());
  return contract::kExitFailure;
}

}  // namespace
}  // namespace agena::fly

int main(int argc, char** argv) {
  try {
    return agena::fly::run_program(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "stage1-fly: internal error: %s\n", e.what());
    return agena::contract::kExitFailure;
  }
}
