// stage1 of the systemd flavour: one program, one name per entrypoint.
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/exit_codes.h"
#include "stage1/apps/order_client.h"
#include "stage1/attach/attach.h"
#include "stage1/enter/enter.h"
#include "stage1/gc/gc.h"
#include "stage1/life/health_probe.h"
#include "stage1/run/pod_init.h"
#include "stage1/run/supervise.h"
#include "stage1/stop/stop.h"

namespace {

using agena::Result;
using agena::contract::Entrypoint;
using agena::contract::EntrypointCall;
namespace stage1 = agena::stage1;

Result<agena::sys::DirFd> pod_dir() { return agena::sys::open_dir("."); }

Result<int> gc(const EntrypointCall& call) {
  TRY(stage1::collect_garbage(TRY(pod_dir()), TRY(agena::Uuid::parse(call.operands.at(0))),
                              call.flag("debug")));
  return 0;
}

Result<int> pod_init(const EntrypointCall& call) {
  TRY(stage1::run_pod_init(call));
  return 0;
}

Result<int> stop(const EntrypointCall& call) {
  TRY(stage1::stop(TRY(pod_dir()), call));
  return 0;
}

struct Program {
  std::string_view name;
  Entrypoint grammar;  // whose options and operands it takes
  Result<int> (*run)(const EntrypointCall&);
};
constexpr std::array kPrograms = {
    Program{"app-add", Entrypoint::kAppAdd, stage1::add_app},
    Program{"app-rm", Entrypoint::kAppRm, stage1::remove_app},
    Program{"app-start", Entrypoint::kAppStart, stage1::start_app},
    Program{"app-stop", Entrypoint::kAppStop, stage1::stop_app},
    Program{"app-update", Entrypoint::kAppUpdate, stage1::update_app},
    Program{"attach", Entrypoint::kAttach, stage1::attach},
    Program{"enter", Entrypoint::kEnter, stage1::enter},
    Program{"gc", Entrypoint::kGc, gc},
    // Not called by stage0: the supervisor starts it.
    Program{stage1::kHealthProgram, Entrypoint::kEnter, stage1::run_health_check},
    Program{"pod-init", Entrypoint::kRun, pod_init},
    Program{"run", Entrypoint::kRun, stage1::supervise},
    Program{"stop", Entrypoint::kStop, stop},
};
static_assert(agena::sorted_by_name(kPrograms));

Result<int> dispatch(const Program& program, const std::vector<std::string>& args) {
  const EntrypointCall call = TRY(agena::contract::parse_call(program.grammar, args));
  agena::log::init("stage1", call.flag("debug") ? agena::log::Level::kDebug : agena::log::Level::kInfo);
  return program.run(call);
}

int report(const Result<int>& result) {
  if (result) return *result;
  agena::log::error(result.error());
  return agena::contract::kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
  agena::log::init("stage1", agena::log::Level::kInfo);
  try {
    const std::string path = argc > 0 ? argv[0] : "";
    const Program* program =
        agena::find_by_name(kPrograms, std::string_view(path).substr(path.rfind('/') + 1));
    if (program == nullptr)
      return report(
          agena::fail(agena::ErrorKind::kInvalidInput, "no entrypoint '{}'", agena::printable(path)));
    return report(dispatch(*program, std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const std::exception& e) {
    return report(agena::fail(agena::ErrorKind::kInternal, "internal error: {}", e.what()));
  }
}
