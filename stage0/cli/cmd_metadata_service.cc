// `metadata-service`: serve appc's metadata until told to end.
#include "common/base/strings.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/metadata/service.h"

namespace agena::stage0 {

Result<int> cmd_metadata_service(const Invocation& call) {
  MetadataService service{.socket = metadata_socket(call.personality),
                          .state_dir = std::string(call.personality.run_dir) + "/metadata-svc"};
  if (call.args.has(kListenPort))
    service.port = static_cast<std::uint16_t>(
        TRY_CTX(parse_uint(call.args.text(kListenPort), UINT16_MAX), "--listen-port"));
  TRY(serve_metadata(service));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
