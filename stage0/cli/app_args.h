// What the `app` commands have in common: which app of which pod, and how they end.
#pragma once

#include <string>

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/app/apps.h"
#include "stage0/cli/commands.h"

namespace agena::stage0 {

// The pod of the first argument, and how long the operation may take.
Result<AppOperation> read_app_operation(const ParsedArgs& args);
// The app: --app, or the second argument.
Result<std::string> read_app_name(const ParsedArgs& args);

// The command's end: its warnings, or the error.
Result<int> end_app_operation(const Result<AppOutcome>& outcome);

// The whole of `app add`.
struct AddAppCommand {
  AddAppRequest request;
  bool start = false;
};
Result<AddAppCommand> make_add_request(const ImageArgs& args, const InsecureOptions& insecure);
// The whole of `app update`.
Result<UpdateAppRequest> make_update_request(const ParsedArgs& args);

}  // namespace agena::stage0
