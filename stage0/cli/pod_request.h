// From the parsed command line of `run`, `prepare` and `run-prepared` to what stage0/pod takes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/cli/image_args.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// Option lists of one command, for the parser and for help.
using OptionLists = std::span<const OptionList>;

// The whole of `run`. Checks what flags demand of each other; reads the files of --set-env-file.
Result<RunRequest> make_run_request(const ImageArgs& args, const InsecureOptions& insecure);
// The whole of `app sandbox`.
struct SandboxRequest {
  RunRequest run;
  bool detach = false;
  Nanoseconds ready_timeout = 0;  // of a detached one
};
Result<SandboxRequest> make_sandbox_request(std::span<const OptionUse> uses, const InsecureOptions& insecure);
// The whole of `prepare`.
Result<PrepareRequest> make_prepare_request(const ImageArgs& args, const InsecureOptions& insecure);
// One image with its flags and arguments. `leading`: flags before all images, of which those count that may
// stand there for all apps.
Result<AppRequest> make_app_request(const ImageArg& image, std::span<const OptionUse> leading);
// The flags of `run-prepared`.
Result<LaunchRequest> make_launch_request(std::span<const OptionUse> uses);
// One image that `fetch` was asked for.
struct FetchRequest {
  std::string image;
  FetchOptions options;
};
// The whole of `fetch`; the policy is kUpdate unless flags say otherwise.
Result<std::vector<FetchRequest>> make_fetch_requests(const ImageArgs& args, const InsecureOptions& insecure);

}  // namespace agena::stage0
