// The table of commands, and what a command's code is given. Each command lives in a file of its own,
// cmd_NAME.cc: parse to a typed value, call the library, print.
#pragma once

#include <span>
#include <string_view>

#include "common/base/help.h"
#include "common/base/options.h"
#include "common/base/result.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/global_options.h"
#include "stage0/cli/image_args.h"
#include "stage0/config/personality.h"

namespace agena::stage0 {

// One call of a command, its line parsed.
struct Invocation {
  const Personality& personality;
  GlobalFlags global;
  ParsedArgs args;        // of commands without images
  ImageArgs images;       // of commands with images
  Nanoseconds start = 0;  // when the program began, monotonic

  // Directories and defaults for the pod operations; reads the configuration.
  Result<Engine> engine() const { return make_engine(global, personality, start); }
};

// What a command's code is: an exit code, or an error that the caller prints (exit code 254).
using CommandFunction = Result<int> (*)(const Invocation&);

struct CommandRow {
  CommandSpec spec;
  CommandFunction run = nullptr;  // nullptr: a group, which only shows its help
  // For commands whose arguments are images (image_args.h).
  bool takes_images = false;
  OptionList app_options = {};
  OptionList leading_app_options = {};
  // Exit code when the code of the command fails; usage errors are kExitFailure everywhere.
  int failure = contract::kExitFailure;
};

// All commands, sorted by name.
std::span<const CommandRow> command_rows();
CommandList command_specs();

// The program as help, man page and completion describe it. Refers to the personality; `terms` is storage for
// what placeholders stand for, which must outlive the result.
ProgramSpec program_spec(const Personality& personality, std::vector<HelpTerm>& terms);

// Our own version, "0.1.0".
std::string_view own_version();

Result<int> cmd_app_exec(const Invocation& call);
Result<int> cmd_app_list(const Invocation& call);
Result<int> cmd_app_sandbox(const Invocation& call);
Result<int> cmd_app_status(const Invocation& call);
Result<int> cmd_app_add(const Invocation& call);
Result<int> cmd_app_rm(const Invocation& call);
Result<int> cmd_app_sandbox(const Invocation& call);
Result<int> cmd_app_start(const Invocation& call);
Result<int> cmd_app_stop(const Invocation& call);
Result<int> cmd_app_update(const Invocation& call);
Result<int> cmd_attach(const Invocation& call);
Result<int> cmd_cat_manifest(const Invocation& call);
Result<int> cmd_completion(const Invocation& call);
Result<int> cmd_config(const Invocation& call);
Result<int> cmd_enter(const Invocation& call);
Result<int> cmd_export(const Invocation& call);
Result<int> cmd_fetch(const Invocation& call);
Result<int> cmd_gc(const Invocation& call);
Result<int> cmd_help(const Invocation& call);
Result<int> cmd_image_cat_manifest(const Invocation& call);
Result<int> cmd_image_export(const Invocation& call);
Result<int> cmd_image_df(const Invocation& call);
Result<int> cmd_image_diff(const Invocation& call);
Result<int> cmd_image_extract(const Invocation& call);
Result<int> cmd_image_gc(const Invocation& call);
Result<int> cmd_image_history(const Invocation& call);
Result<int> cmd_image_import_rkt(const Invocation& call);
Result<int> cmd_image_inspect(const Invocation& call);
Result<int> cmd_image_list(const Invocation& call);
Result<int> cmd_image_push(const Invocation& call);
Result<int> cmd_image_render(const Invocation& call);
Result<int> cmd_image_rm(const Invocation& call);
Result<int> cmd_image_tag(const Invocation& call);
Result<int> cmd_image_tags(const Invocation& call);
Result<int> cmd_image_verify(const Invocation& call);
Result<int> cmd_list(const Invocation& call);
Result<int> cmd_logs(const Invocation& call);
Result<int> cmd_metadata_service(const Invocation& call);
Result<int> cmd_prepare(const Invocation& call);
Result<int> cmd_rm(const Invocation& call);
Result<int> cmd_run(const Invocation& call);
Result<int> cmd_run_prepared(const Invocation& call);
Result<int> cmd_status(const Invocation& call);
Result<int> cmd_stop(const Invocation& call);
Result<int> cmd_trust(const Invocation& call);
Result<int> cmd_version(const Invocation& call);

}  // namespace agena::stage0
