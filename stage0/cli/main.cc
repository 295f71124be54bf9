// The agena program.
#include <exception>
#include <string_view>
#include <vector>

#include "common/base/log.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/cli.h"

int main(int argc, char** argv) {
  try {
    return agena::stage0::run_cli(std::vector<std::string_view>(argv, argv + argc));
  } catch (const std::exception& exception) {
    agena::log::error(agena::Error(agena::ErrorKind::kInternal, exception.what()));
    return agena::contract::kExitFailure;
  }
}
