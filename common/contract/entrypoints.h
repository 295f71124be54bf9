// The stage1 contract's entrypoints: annotation names, options by interface version, argv. stage0 renders
// argv from the same table that stage1 parses with. (docs/stage1-contract.md; rkt's stage1 implementors
// guide.)
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::contract {

// Interface version of the flavours shipped here; a stage1 manifest without the annotation speaks version 1.
inline constexpr int kInterfaceVersion = 10;
inline constexpr const char* kInterfaceVersionAnnotation = "coreos.com/rkt/stage1/interface-version";
// On pod manifests: "true" for app sandboxes.
inline constexpr const char* kMutableAnnotation = "coreos.com/rkt/stage1/mutable";

enum class Entrypoint { kRun, kEnter, kGc, kStop, kAppAdd, kAppStart, kAppStop, kAppRm, kAppUpdate, kAttach };

enum class OptionArity {
  kFlag,   // --name; on the wire alone when set
  kBool,   // --name=true|false
  kValue,  // --name=text
};

struct EntrypointOption {
  std::string_view name;
  OptionArity arity;
  int since;  // interface version that brought it
  // An older stage1 drops it with the warning "--NAME option is not supported by stage1" (true) or silently
  // (false).
  bool warn_if_dropped;
};

struct EntrypointRow {
  Entrypoint value;
  std::string_view name;        // also the name under which our multi-call programs know it
  std::string_view annotation;  // names the program in the stage1 image manifest
  int since;
  bool required;                              // a stage1 without it cannot be used at all
  std::span<const EntrypointOption> options;  // in the order in which they stand in argv
  std::string_view operands;                  // for usage messages
  int min_operands;
  int max_operands;  // -1: any number
};

// The whole table, in the order of the enum.
std::span<const EntrypointRow> entrypoint_table();
const EntrypointRow& entrypoint_row(Entrypoint entrypoint);
// The row with this multi-call name, or nullptr.
const EntrypointRow* find_entrypoint(std::string_view name);

// Arguments of one call. Flags are present with value "true"; absent options are not in the map.
struct EntrypointCall {
  std::map<std::string, std::string, std::less<>> options;
  std::vector<std::string> operands;

  bool flag(std::string_view name) const;
  // Value of an option, or the fallback.
  std::string value(std::string_view name, std::string_view fallback = "") const;
};

struct RenderedCall {
  std::vector<std::string> argv;  // without argv[0]
  std::vector<std::string> warnings;
};

// argv for a stage1 of the given interface version; an option that is not in the table is an internal error.
Result<RenderedCall> render_call(Entrypoint entrypoint, const EntrypointCall& call, int interface_version);
// The inverse; unknown options and wrong operand counts are errors naming the entrypoint. Arguments behind
// "--" are operands.
Result<EntrypointCall> parse_call(Entrypoint entrypoint, const std::vector<std::string>& args);

}  // namespace agena::contract
