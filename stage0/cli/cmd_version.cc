// `version`: what this is and what it is compatible with.
#include "common/contract/exit_codes.h"
#include "manifests/schema/semver.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"

namespace agena::stage0 {
namespace {

// The platform as Go spells it.
constexpr const char* kArchitecture =
#if defined(__x86_64__)
    "amd64";
#elif defined(__aarch64__)
    "arm64";
#else
    "unknown";
#endif

// Measurements into a TPM, logs of pods read through libsystemd.
constexpr const char* kFeatures = "-TPM -SDJOURNAL";

}  // namespace

Result<int> cmd_version(const Invocation& call) {
  std::string text;
  const auto line = [&](std::string_view what, std::string_view value) {
    text += fmt::format("{}: {}\n", what, value);
  };
  const std::string_view rkt_version = call.personality.rkt_version;
  const std::string appc_version = schema::Semver::appc().str();
  const std::string platform = fmt::format("linux/{}", kArchitecture);
  if (rkt_version.empty()) {
    line("agena Version", own_version());
    line("appc Version", appc_version);
    line("OS/Arch", platform);
    line("Features", kFeatures);
  } else {
    // rkt's five lines in its order, for the programs that read them; this engine is not written in Go.
    line("rkt Version", rkt_version);
    line("appc Version", appc_version);
    line("Go Version", "none");
    line("Go OS/Arch", platform);
    line("Features", kFeatures);
    line("agena Version", own_version());
  }
  TRY(print(text));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
