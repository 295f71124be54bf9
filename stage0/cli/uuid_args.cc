#include "stage0/cli/uuid_args.h"

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/cli/command_options.h"

namespace agena::stage0 {

Result<> check_uuid_args(const ParsedArgs& args, std::size_t max) {
  if (args.has(kUuidFile) && !args.arguments.empty())
    return fail(ErrorKind::kInvalidInput, "--uuid-file and arguments exclude each other");
  if (!args.has(kUuidFile) && args.arguments.empty())
    return fail(ErrorKind::kInvalidInput, "must provide a pod's UUID or --uuid-file");
  if (args.arguments.size() > max)
    return fail(ErrorKind::kInvalidInput, "unexpected argument '{}'", printable(args.arguments[max]));
  return {};
}

Result<std::vector<std::string>> read_uuid_args(const ParsedArgs& args) {
  if (!args.has(kUuidFile)) return std::vector<std::string>(args.arguments.begin(), args.arguments.end());
  const std::string path(args.text(kUuidFile));
  const std::string content = TRY_CTX(sys::read_file(sys::at_cwd(), path), "reading the UUID file");
  return std::vector{std::string(trim(content))};
}

}  // namespace agena::stage0
